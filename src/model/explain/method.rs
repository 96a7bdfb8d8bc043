//! The methods by name, and what each makes of a layer and its gradient.

use std::fmt;
use std::str::FromStr;

use crate::analysis::cam::{self, Map, Planes};

/// How a map is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// Channels weighted with the mean of their gradient.
    #[default]
    GradCam,
    /// Channels weighted with second and third derivatives.
    GradCamPlusPlus,
    /// Values times their gradients.
    HiResCam,
    /// Values times the positive part of their gradients.
    LayerCam,
    /// Channels weighted with the linear layer of the classes; forward only.
    Cam,
    /// First principal axis of the channels; forward only, the same for every class.
    EigenCam,
    /// Channels weighted with the score of the picture that they mask; forward only, one run a channel.
    ScoreCam,
    /// Gradient of the score with respect to the input: of the channels the one of the largest size, with its sign.
    Gradient,
    /// Gradient times input (as the model takes it), summed over the channels.
    GradientInput,
    /// Mean gradient over noisy pictures, seeded.
    SmoothGrad,
    /// Integral of the gradient on the way from a black picture, times the way, summed over the channels.
    IntegratedGradients,
}

/// All methods with their names, in the order in which they are offered.
pub const METHODS: [(Method, &str); 11] = [
    (Method::GradCam, "gradcam"),
    (Method::GradCamPlusPlus, "gradcam++"),
    (Method::HiResCam, "hirescam"),
    (Method::LayerCam, "layercam"),
    (Method::Cam, "cam"),
    (Method::EigenCam, "eigencam"),
    (Method::ScoreCam, "scorecam"),
    (Method::Gradient, "gradient"),
    (Method::GradientInput, "gradient-input"),
    (Method::SmoothGrad, "smoothgrad"),
    (Method::IntegratedGradients, "integrated-gradients"),
];

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(METHODS.iter().find(|(method, _)| method == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = METHODS.iter().find(|(_, name)| *name == text.to_lowercase());
        found.map(|(method, _)| *method).ok_or_else(|| {
            let names: Vec<&str> = METHODS.iter().map(|(_, name)| *name).collect();
            format!("there is no method \"{text}\"; it is one of {}", names.join(", "))
        })
    }
}

impl Method {
    /// Whether it looks at the input instead of a layer.
    #[must_use]
    pub fn of_input(self) -> bool {
        matches!(self, Self::Gradient | Self::GradientInput | Self::SmoothGrad | Self::IntegratedGradients)
    }

    /// Whether it needs gradients, and with them rules for all operators behind the layer.
    #[must_use]
    pub fn needs_gradients(self) -> bool {
        !matches!(self, Self::Cam | Self::EigenCam | Self::ScoreCam)
    }

    /// What of a map is shown and measured, above 0: a plain gradient says how much a pixel matters by its size, whatever its
    /// sign; all other maps say what speaks for the class.
    #[must_use]
    pub fn evidence(self, map: &Map) -> Map {
        let mut map = map.clone();
        if matches!(self, Self::Gradient | Self::SmoothGrad) {
            map.values.iter_mut().for_each(|value| *value = value.abs());
        }
        map
    }

    /// The map of one picture from a layer and its gradient.
    pub(super) fn combine(self, layer: &Planes, gradient: &Planes) -> Map {
        match self {
            Self::GradCamPlusPlus => cam::grad_cam_plus_plus(layer, gradient),
            Self::HiResCam | Self::GradientInput => cam::hires_cam(layer, gradient),
            Self::LayerCam => cam::layer_cam(layer, gradient),
            Self::Gradient => extreme(gradient),
            _ => cam::grad_cam(layer, gradient),
        }
    }
}

/// Of each place the channel whose value is farthest from 0.
pub(super) fn extreme(gradient: &Planes) -> Map {
    let places = gradient.places();
    let mut map = Map { height: gradient.height, width: gradient.width, values: vec![0.0; places] };
    for plane in gradient.values.chunks_exact(places.max(1)) {
        for (to, &value) in map.values.iter_mut().zip(plane) {
            if value.abs() > to.abs() || value.is_nan() {
                *to = value;
            }
        }
    }
    map
}
