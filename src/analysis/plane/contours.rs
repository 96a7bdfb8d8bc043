//! Lines between what is higher and what is lower: marching squares whose pieces are joined to closed lines.

use rustc_hash::FxHashMap;

/// Closed lines between values of at least `level` and smaller ones, in cells; what is outside the field is 0. `values` are `[side][side]`; the last
/// corner of a line is joined to the first. Walking along a line, larger values always lie on the same hand.
#[must_use]
pub fn march(values: &[f32], side: usize, level: f32) -> Vec<Vec<[f32; 2]>> {
    let side = side as i64;
    let value = |x: i64, y: i64| {
        if x < 0 || y < 0 || x >= side || y >= side { 0.0 } else { values[(y * side + x) as usize] }
    };
    // An edge is named by its left or upper end and its direction.
    let name = |x: i64, y: i64, down: i64| ((y + 1) * (side + 2) + x + 1) * 2 + down;
    let mut next: FxHashMap<i64, i64> = FxHashMap::default();
    let mut starts = Vec::new();
    for y in -1..side {
        for x in -1..side {
            let corners = [value(x, y), value(x + 1, y), value(x + 1, y + 1), value(x, y + 1)];
            let high = corners.map(|value| value >= level);
            if high == [high[0]; 4] {
                continue;
            }
            // Edges clockwise from the upper one; edge i lies between corners i and i + 1.
            let edges = [name(x, y, 0), name(x + 1, y, 1), name(x, y + 1, 0), name(x, y, 1)];
            // A line enters where one goes clockwise from low to high, and leaves at the next fall.
            let rises: Vec<usize> = (0..4).filter(|&i| !high[i] && high[(i + 1) % 4]).collect();
            let falls: Vec<usize> = (0..4).filter(|&i| high[i] && !high[(i + 1) % 4]).collect();
            let joined = corners.iter().sum::<f32>() / 4.0 >= level;
            for &rise in &rises {
                let after = |from: usize| (1..4).map(|by| (from + by) % 4).find(|at| falls.contains(at));
                let before = |from: usize| (1..4).map(|by| (from + 4 - by) % 4).find(|at| falls.contains(at));
                // Two high corners across: their areas touch in the middle or do not.
                let fall = if rises.len() == 2 && joined { before(rise) } else { after(rise) };
                if let Some(fall) = fall {
                    next.insert(edges[rise], edges[fall]);
                    starts.push(edges[rise]);
                }
            }
        }
    }
    let place = |edge: i64| -> [f32; 2] {
        let (at, down) = (edge / 2, edge % 2);
        let (x, y) = (at % (side + 2) - 1, at / (side + 2) - 1);
        let (a, b) = (value(x, y), value(x + 1 - down, y + down));
        let part = if a == b { 0.5 } else { ((level - a) / (b - a)).clamp(0.0, 1.0) };
        [x as f32 + part * (1 - down) as f32, y as f32 + part * down as f32]
    };
    let mut lines = Vec::new();
    for start in starts {
        let mut line = Vec::new();
        let mut edge = start;
        while let Some(following) = next.remove(&edge) {
            line.push(place(edge));
            edge = following;
        }
        if line.len() > 2 {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_close_around_peaks_and_saddles() {
        let check = |values: &[f32], side: usize, expect: &[usize]| {
            let mut lengths: Vec<usize> = march(values, side, 1.0).iter().map(Vec::len).collect();
            lengths.sort_unstable();
            assert_eq!(lengths, expect, "{values:?}");
        };
        check(&[0.0; 9], 3, &[]);
        check(&[0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0], 3, &[4]);
        // The border is not open: what touches it is closed outside.
        check(&[2.0; 4], 2, &[8]);
        // A ring has a hole.
        check(&[2.0, 2.0, 2.0, 2.0, 0.0, 2.0, 2.0, 2.0, 2.0], 3, &[4, 12]);
        // Two across: apart when the middle is low, one when it is high.
        check(&[1.1, 0.0, 0.0, 1.1], 2, &[4, 4]);
        check(&[9.0, 0.0, 0.0, 9.0], 2, &[8]);
    }
}
