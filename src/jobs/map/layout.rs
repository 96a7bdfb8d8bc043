//! temp
use super::source::Rows;
use super::{Control, Facts, MapError, MapParams, Placement};
use std::sync::Arc;
pub(super) struct Layout<'a> {
    pub(super) rows: &'a Rows,
    pub(super) params: &'a MapParams,
    pub(super) from: Option<&'a Placement>,
    pub(super) control: &'a Control,
    pub(super) job: &'a crate::jobs::status::Running,
}
impl Layout<'_> {
    pub(super) fn compute(&self, publish: &dyn Fn(Placement)) -> Result<Placement, MapError> {
        self.control.wait(&self.job.cancel)?;
        let _ = self.from;
        let d = self.rows.dims;
        let positions: Vec<[f32; 2]> = self.rows.values.chunks_exact(d).map(|r| [r[0], r[1]]).collect();
        let p = Placement {
            samples: Arc::clone(&self.rows.samples),
            positions: Arc::new(positions),
            facts: Facts {
                model: self.rows.model.clone(),
                dims: d,
                params: self.params.clone(),
                device: "CPU".into(),
                seconds: 1.0,
                recall: None,
                left_out: self.rows.left_out,
            },
            epoch: (500, 500),
            done: true,
            cached: false,
        };
        publish(p.clone());
        Ok(p)
    }
}
