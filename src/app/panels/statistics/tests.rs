//! Pages of small reports.
