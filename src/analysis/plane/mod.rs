//! What can be said of points in a plane: where they are dense ([`density`]), lines round that ([`contours`]), names of their regions ([`regions`]).
//!
//! All of it is in the unit square; a [`Frame`] brings the positions of a layout there.

pub mod contours;
pub mod density;
pub mod regions;

/// How positions of a layout become places in the unit square: moved and scaled alike on both axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    low: [f32; 2],
    scale: f32,
}

impl Frame {
    /// The smallest square round all finite positions, with the positions in its middle.
    #[must_use]
    pub fn of(positions: &[[f32; 2]]) -> Self {
        let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
        for position in positions.iter().filter(|position| position[0].is_finite() && position[1].is_finite()) {
            for axis in 0..2 {
                low[axis] = low[axis].min(position[axis]);
                high[axis] = high[axis].max(position[axis]);
            }
        }
        if low[0] > high[0] {
            return Self { low: [0.0; 2], scale: 1.0 };
        }
        let side = (high[0] - low[0]).max(high[1] - low[1]).max(1e-12);
        let low = [0, 1].map(|axis: usize| (low[axis] + high[axis] - side) / 2.0);
        Self { low, scale: 1.0 / side }
    }

    /// The place of a position in the unit square.
    #[must_use]
    pub fn place(&self, position: [f32; 2]) -> [f32; 2] {
        [(position[0] - self.low[0]) * self.scale, (position[1] - self.low[1]) * self.scale]
    }

    /// The position at a place.
    #[must_use]
    pub fn position(&self, place: [f32; 2]) -> [f32; 2] {
        [place[0] / self.scale + self.low[0], place[1] / self.scale + self.low[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_square_and_leaves_what_is_not_a_number() {
        let frame = Frame::of(&[[0.0, 10.0], [4.0, 12.0], [f32::NAN, 0.0], [f32::INFINITY, 0.0]]);
        assert_eq!(frame.place([0.0, 9.0]), [0.0, 0.0]);
        assert_eq!(frame.place([4.0, 13.0]), [1.0, 1.0]);
        assert_eq!(frame.position(frame.place([1.5, 11.0])), [1.5, 11.0]);
        assert_eq!(Frame::of(&[]).place([0.5, 0.5]), [0.5, 0.5]);
        let point = Frame::of(&[[3.0, 3.0]]).place([3.0, 3.0]);
        assert!(point.iter().all(|value| value.is_finite()), "one point, or all in one place: {point:?}");
    }
}
