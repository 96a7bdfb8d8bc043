//! Small tar shards for tests, written by a tar writer of their own.

use std::fs;
use std::path::Path;

/// Writes a tar shard of `n` samples without pictures whose keys start with `prefix`.
pub fn write(path: &Path, prefix: &str, n: usize) {
    let members = (0..n).map(|i| {
        let leaf = ["Shirts", "Dresses"][i % 2];
        let record = serde_json::json!({
            "title": format!("{} shirt {i}", ["red", "blue", "green"][i % 3]),
            "caption": format!("a {} made of cotton, number {i}", ["shirt", "dress"][i % 2]),
            "brand": if i % 4 == 0 { None } else { Some(format!("brand {}", i % 5)) },
            "taxonomy": ["Clothing", leaf],
            "leaf": leaf,
        });
        (format!("{prefix}-{i}.json"), record.to_string())
    });
    tar(path, members);
}

/// Writes a tar file of these members (name, data).
pub fn tar(path: &Path, members: impl IntoIterator<Item = (String, String)>) {
    let mut bytes = Vec::new();
    for (name, data) in members {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(data.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    fs::write(path, bytes).expect("a shard");
}
