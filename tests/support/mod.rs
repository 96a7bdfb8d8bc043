//! Datasets that tests write for themselves, and the real samples beside the repository.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The real samples, or `None` where there are none: an error in CI, a line elsewhere.
pub fn shared_data() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(std::env::var_os("CI").is_none(), "the real samples are missing in CI: ../shared/data");
    println!("left out: ../shared/data is not here");
    None
}

/// A sample of a shard that a test writes.
pub struct Sample<'a> {
    pub key: &'a str,
    pub caption: &'a str,
    pub taxonomy: &'a [&'a str],
    pub brand: Option<&'a str>,
    /// Side of its square PNG; 0 leaves the picture out.
    pub side: u32,
}

/// A few products in three leaves.
pub const SHOP: [Sample<'static>; 8] = [
    Sample {
        key: "0001",
        caption: "red wool scarf",
        taxonomy: &["Clothing", "Scarves"],
        brand: Some("Nord"),
        side: 96,
    },
    Sample {
        key: "0002",
        caption: "blue wool scarf, long",
        taxonomy: &["Clothing", "Scarves"],
        brand: Some("Nord"),
        side: 96,
    },
    Sample {
        key: "0003",
        caption: "green rain jacket",
        taxonomy: &["Clothing", "Jackets"],
        brand: Some("Vela"),
        side: 128,
    },
    Sample { key: "0004", caption: "leather jacket", taxonomy: &["Clothing", "Jackets"], brand: None, side: 128 },
    Sample { key: "0005", caption: "ceramic mug", taxonomy: &["Kitchen", "Mugs"], brand: Some("Kiln"), side: 48 },
    Sample { key: "0006", caption: "blue ceramic mug", taxonomy: &["Kitchen", "Mugs"], brand: Some("Kiln"), side: 200 },
    Sample { key: "0007", caption: "glass mug", taxonomy: &["Kitchen", "Mugs"], brand: None, side: 200 },
    Sample { key: "0008", caption: "a mug nobody photographed", taxonomy: &["Kitchen", "Mugs"], brand: None, side: 0 },
];

/// Writes `samples` as one WebDataset shard.
pub fn write_shard(path: &Path, samples: &[Sample<'_>]) {
    let mut out = Vec::new();
    for (i, sample) in samples.iter().enumerate() {
        if sample.side > 0 {
            let shade = (i * 29 % 200) as u8 + 40;
            member(&mut out, &format!("{}.png", sample.key), &png(sample.side, [shade, 120, 255 - shade]));
        }
        let record = serde_json::json!({
            "title": sample.caption,
            "caption": sample.caption,
            "brand": sample.brand,
            "taxonomy": sample.taxonomy,
            "leaf": sample.taxonomy.last(),
        });
        member(&mut out, &format!("{}.json", sample.key), record.to_string().as_bytes());
    }
    out.extend_from_slice(&[0; 1024]);
    fs::create_dir_all(path.parent().expect("a shard lies in a folder")).expect("temporary folders can be made");
    fs::write(path, out).expect("temporary files can be written");
}

/// Appends a tar member (ustar).
pub fn member(out: &mut Vec<u8>, name: &str, body: &[u8]) {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", body.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[263..265].copy_from_slice(b"00");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// A square PNG of one colour with stored (uncompressed) data, written by hand.
pub fn png(side: u32, rgb: [u8; 3]) -> Vec<u8> {
    let mut raw = Vec::new();
    for _ in 0..side {
        raw.push(0);
        for _ in 0..side {
            raw.extend_from_slice(&rgb);
        }
    }
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&raw).expect("memory can be written");
    let data = encoder.finish().expect("memory can be written");
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], body: &[u8]| {
        out.extend_from_slice(&(body.len() as u32).to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(body);
        out.extend_from_slice(kind);
        out.extend_from_slice(body);
        out.extend_from_slice(&crc.sum().to_be_bytes());
    };
    let mut header = Vec::new();
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &data);
    chunk(b"IEND", &[]);
    out
}
