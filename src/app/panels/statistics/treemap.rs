//! A squarified treemap (Bruls, Huizing and van Wijk 2000): areas are the values, sides stay near each other in length.

/// A rectangle `[left, top, width, height]`.
pub type Tile = [f64; 4];

/// One tile a value, in a `width` by `height` area; values are best given largest first. Values that are not above 0 get an
/// empty tile.
#[must_use]
pub fn squarify(values: &[f64], width: f64, height: f64) -> Vec<Tile> {
    let total: f64 = values.iter().filter(|value| **value > 0.0).sum();
    let mut tiles = vec![[0.0; 4]; values.len()];
    if total <= 0.0 || width <= 0.0 || height <= 0.0 {
        return tiles;
    }
    let scale = width * height / total;
    let positive: Vec<usize> = (0..values.len()).filter(|&i| values[i] > 0.0).collect();
    let area = |i: usize| values[i] * scale;
    let (mut left, mut top, mut w, mut h) = (0.0, 0.0, width, height);
    let mut next = 0;
    while next < positive.len() {
        let side = w.min(h).max(f64::MIN_POSITIVE);
        let mut end = next + 1;
        let mut sum = area(positive[next]);
        let (mut most, mut least) = (sum, sum);
        let worst = |sum: f64, most: f64, least: f64| {
            let square = side * side;
            (square * most / (sum * sum)).max(sum * sum / (square * least))
        };
        // A tile joins the row while that makes the worst proportion of the row better.
        while end < positive.len() {
            let one = area(positive[end]);
            if worst(sum + one, most.max(one), least.min(one)) > worst(sum, most, least) {
                break;
            }
            (sum, most, least) = (sum + one, most.max(one), least.min(one));
            end += 1;
        }
        let thickness = sum / side;
        let mut along = 0.0;
        for &i in &positive[next..end] {
            let length = area(i) / thickness;
            tiles[i] =
                if w >= h { [left, top + along, thickness, length] } else { [left + along, top, length, thickness] };
            along += length;
        }
        if w >= h {
            left += thickness;
            w -= thickness;
        } else {
            top += thickness;
            h -= thickness;
        }
        next = end;
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_the_values_and_nothing_overlaps() {
        let values = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0, 0.0];
        let tiles = squarify(&values, 6.0, 4.0);
        for (tile, value) in tiles.iter().zip(values) {
            assert!((tile[2] * tile[3] - value).abs() < 1e-9, "{tile:?} is {value}");
            assert!(tile[0] + tile[2] <= 6.0 + 1e-9 && tile[1] + tile[3] <= 4.0 + 1e-9, "{tile:?} stays inside");
        }
        for (i, a) in tiles.iter().enumerate() {
            for b in &tiles[i + 1..] {
                let across = (a[0] + a[2]).min(b[0] + b[2]) - a[0].max(b[0]);
                let down = (a[1] + a[3]).min(b[1] + b[3]) - a[1].max(b[1]);
                assert!(across.max(0.0) * down.max(0.0) < 1e-9, "{a:?} and {b:?} overlap");
            }
        }
        // The paper's own first tile: 3 by 2.
        assert_eq!(tiles[0], [0.0, 0.0, 3.0, 2.0]);
    }

    #[test]
    fn nothing_has_no_tiles() {
        assert_eq!(squarify(&[], 1.0, 1.0), Vec::<Tile>::new());
        assert_eq!(squarify(&[0.0], 1.0, 1.0), [[0.0; 4]]);
        assert_eq!(squarify(&[1.0], 0.0, 1.0), [[0.0; 4]]);
    }
}
