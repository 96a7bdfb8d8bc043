//! Walks the headers of a tar without unpacking: ustar, GNU long names, pax records, base-256 sizes.
//!
//! [`Walk`] goes over the bytes of the whole file and yields an [`Event`] for each member and each thing that is wrong.
//! It never fails: a header whose checksum does not fit is stepped over to the next 512-byte block that is a valid
//! header, and the end of the bytes is an event. Members that are not files (folders, links, devices) are passed over
//! silently; sparse files, whose bytes do not lie in one piece, are an event.

use std::borrow::Cow;
use std::ops::Range;

const BLOCK: usize = 512;

/// A regular file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// The path as written; not always UTF-8.
    pub name: Cow<'a, [u8]>,
    /// Where its header starts (that of the extended headers before it, if it has some).
    pub header: usize,
    /// Where its bytes lie; always within the file.
    pub data: Range<usize>,
}

/// What the walk met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A complete file.
    Member(Member<'a>),
    /// A sparse file; its bytes cannot be taken from the archive in one piece.
    Sparse(Cow<'a, [u8]>),
    /// A block that is no header. The walk goes on at `resumed`, or ends where that is `None`.
    Corrupt { at: usize, resumed: Option<usize> },
    /// The file ends within a member (named where its name was read), or where a header or the end mark should stand.
    Truncated { at: usize, name: Option<Cow<'a, [u8]>> },
}

/// An iterator over the members of a tar.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    done: bool,
}

#[derive(Clone, Debug, Default)]
struct Pax {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, done: false }
    }

    /// The next valid header at or after `from` on the grid of blocks.
    fn resync(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(block) = self.bytes.get(at..at + BLOCK) {
            if looks_like_header(block) && checksum_fits(block) {
                return Some(at);
            }
            at += BLOCK;
        }
        None
    }

    fn end(&mut self, event: Event<'a>) -> Event<'a> {
        self.done = true;
        event
    }

    fn corrupt(&mut self, at: usize) -> Event<'a> {
        let resumed = self.resync(at + BLOCK);
        match resumed {
            Some(next) => self.at = next,
            None => self.done = true,
        }
        Event::Corrupt { at, resumed }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if self.done {
            return None;
        }
        let mut start = self.at;
        let mut pax = Pax::default();
        let mut long_name: Option<Cow<'a, [u8]>> = None;
        let mut extended = false;
        loop {
            let at = self.at;
            let Some(header) = self.bytes.get(at..at.saturating_add(BLOCK)) else {
                return Some(self.end(Event::Truncated { at: self.bytes.len(), name: long_name }));
            };
            if header[0] == 0 && sum(header) == 0 {
                self.done = true;
                // An extended header that belongs to nothing is the start of a member that was not written.
                return extended.then_some(Event::Truncated { at, name: long_name });
            }
            if !checksum_fits(header) {
                return Some(self.corrupt(at));
            }
            let kind = header[156];
            let Some(mut size) = number(&header[124..136]) else {
                return Some(self.corrupt(at));
            };
            let body = at + BLOCK;
            match kind {
                b'L' | b'K' | b'x' | b'X' | b'g' => {
                    extended = true;
                    let Some(content) = slice(self.bytes, body, size) else {
                        return Some(self.end(Event::Truncated { at: self.bytes.len(), name: long_name }));
                    };
                    match kind {
                        b'L' => {
                            let end = content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
                            long_name = Some(Cow::Borrowed(&content[..end]));
                        }
                        b'K' => {}
                        // What is said of all members (a commit's id, a time) is of no use here; a path or size of all members
                        // makes no sense.
                        b'g' => extended = false,
                        _ => read_pax(content, &mut pax),
                    }
                    self.at = after(body, size);
                    if kind == b'g' {
                        start = self.at;
                    }
                    continue;
                }
                _ => {}
            }
            if let Some(pax_size) = pax.size {
                size = pax_size;
            }
            let name = match (pax.path.take(), long_name.take()) {
                (Some(path), _) => Cow::Owned(path),
                (None, Some(name)) => name,
                (None, None) => short_name(header),
            };
            match kind {
                b'0' | 0 | b'7' => {
                    if pax.sparse {
                        self.at = after(body, size);
                        return Some(Event::Sparse(name));
                    }
                    if slice(self.bytes, body, size).is_none() {
                        return Some(self.end(Event::Truncated { at: self.bytes.len(), name: Some(name) }));
                    }
                    self.at = after(body, size);
                    // Tars from before ustar mark a folder by the slash alone.
                    if name.last() == Some(&b'/') {
                        (start, extended, pax) = (self.at, false, Pax::default());
                        continue;
                    }
                    return Some(Event::Member(Member { name, header: start, data: body..body + size as usize }));
                }
                b'S' => {
                    // The map of the pieces goes on in further blocks while the flag says so.
                    let mut data = body;
                    let mut more = header[482] != 0;
                    while more {
                        let Some(block) = self.bytes.get(data..data + BLOCK) else {
                            return Some(self.end(Event::Truncated { at: self.bytes.len(), name: Some(name) }));
                        };
                        more = block[504] != 0;
                        data += BLOCK;
                    }
                    self.at = after(data, size);
                    return Some(Event::Sparse(name));
                }
                // Links, devices, folders and pipes have no content, whatever their size field says.
                b'1'..=b'6' => self.at = body,
                _ => self.at = after(body, size),
            }
            (start, extended, pax) = (self.at, false, Pax::default());
        }
    }
}

/// The bytes of a content, if they all are there.
fn slice(bytes: &[u8], start: usize, size: u64) -> Option<&[u8]> {
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(start..end)
}

/// Where the block after a content starts; behind the end of any file where the size is absurd.
fn after(start: usize, size: u64) -> usize {
    let size = usize::try_from(size).unwrap_or(usize::MAX / 2).min(usize::MAX / 2);
    start.saturating_add(size.div_ceil(BLOCK) * BLOCK)
}

/// Quick test before the sum is taken: the checksum field is octal digits.
fn looks_like_header(block: &[u8]) -> bool {
    block[0] != 0 && block[148..154].iter().all(|byte| matches!(byte, b'0'..=b'7' | b' '))
}

/// The checksum is the sum of the header's bytes with its own field as spaces. Some old tars summed signed bytes.
fn checksum_fits(header: &[u8]) -> bool {
    let Some(stated) = number(&header[148..156]) else { return false };
    let field: u64 = header[148..156].iter().map(|&byte| u64::from(byte)).sum();
    let unsigned = sum(header) - field + 8 * u64::from(b' ');
    if unsigned == stated {
        return true;
    }
    let high = header[..148].iter().chain(&header[156..]).filter(|&&byte| byte >= 128).count() as u64;
    high > 0 && unsigned.checked_sub(256 * high) == Some(stated)
}

/// The sum of a block's bytes, eight at a time: a walk does little else. Each lane of 16 bits takes two bytes of each of the
/// block's 64 words, 32,640 at most.
fn sum(block: &[u8]) -> u64 {
    const LANES: u64 = 0x00ff_00ff_00ff_00ff;
    let (words, rest) = block[..BLOCK].as_chunks::<8>();
    debug_assert!(rest.is_empty());
    let lanes = words.iter().fold(0, |lanes, word| {
        let word = u64::from_ne_bytes(*word);
        lanes + (word & LANES) + (word >> 8 & LANES)
    });
    (lanes & 0xffff) + (lanes >> 16 & 0xffff) + (lanes >> 32 & 0xffff) + (lanes >> 48)
}

/// A number field: octal text, or base 256 where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // 0xff would be a negative number; the seven low bits of the first byte belong to the value.
        if field[0] == 0xff {
            return None;
        }
        let mut value = u64::from(field[0] & 0x7f);
        for &byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(byte))?;
        }
        return Some(value);
    }
    let mut value = 0_u64;
    let mut digits = field.iter().copied().skip_while(|byte| *byte == b' ');
    for byte in digits.by_ref() {
        match byte {
            b'0'..=b'7' => value = value * 8 + u64::from(byte - b'0'),
            b' ' | 0 => break,
            _ => return None,
        }
    }
    Some(value)
}

/// The name in a header itself: `prefix/name` in ustar, `name` elsewhere (GNU keeps times where the prefix stands).
fn short_name(header: &[u8]) -> Cow<'_, [u8]> {
    let until_nul = |bytes: &'_ [u8]| bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let name = &header[..until_nul(&header[..100])];
    let prefix = &header[345..345 + until_nul(&header[345..500])];
    if prefix.is_empty() || &header[257..263] != b"ustar\0" {
        return Cow::Borrowed(name);
    }
    let mut path = Vec::with_capacity(prefix.len() + 1 + name.len());
    path.extend_from_slice(prefix);
    path.push(b'/');
    path.extend_from_slice(name);
    Cow::Owned(path)
}

/// Reads `LENGTH key=value\n` records; what is not one ends the reading.
fn read_pax(mut content: &[u8], pax: &mut Pax) {
    while let Some(space) = content.iter().take(20).position(|&byte| byte == b' ') {
        let Some(length) = std::str::from_utf8(&content[..space]).ok().and_then(|text| text.parse::<usize>().ok())
        else {
            return;
        };
        if length <= space + 1 || length > content.len() {
            return;
        }
        let record = content[space + 1..length].strip_suffix(b"\n").unwrap_or(&content[space + 1..length]);
        if let Some(equals) = record.iter().position(|&byte| byte == b'=') {
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => pax.path = Some(value.to_vec()),
                b"GNU.sparse.name" => {
                    pax.sparse = true;
                    pax.path = Some(value.to_vec());
                }
                b"size" => pax.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                _ if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
                _ => {}
            }
        }
        content = &content[length..];
    }
}

/// Writes small tars for tests of this floor.
#[cfg(test)]
pub(super) mod testing {
    use super::BLOCK;

    /// A header block with a fitting checksum.
    pub fn header(name: &[u8], kind: u8, size: u64) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        let length = name.len().min(100);
        block[..length].copy_from_slice(&name[..length]);
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        seal(&mut block);
        block
    }

    /// Writes the checksum into a header block.
    pub fn seal(block: &mut [u8]) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    /// A member with its padding.
    pub fn member(name: &[u8], data: &[u8]) -> Vec<u8> {
        entry(name, b'0', data)
    }

    /// An entry of any kind with its padding.
    pub fn entry(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = header(name, kind, data.len() as u64);
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().div_ceil(BLOCK) * BLOCK, 0);
        bytes
    }

    /// A whole tar with its end mark.
    pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes: Vec<u8> = members.iter().flat_map(|(name, data)| member(name.as_bytes(), data)).collect();
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{entry, header, member, seal, tar};
    use super::*;

    fn names(bytes: &[u8]) -> Vec<String> {
        Walk::new(bytes)
            .map(|event| match event {
                Event::Member(member) => {
                    format!(
                        "{}={}",
                        String::from_utf8_lossy(&member.name),
                        String::from_utf8_lossy(&bytes[member.data])
                    )
                }
                Event::Sparse(name) => format!("sparse {}", String::from_utf8_lossy(&name)),
                Event::Corrupt { at, resumed } => format!("corrupt {at} {resumed:?}"),
                Event::Truncated { at, name } => {
                    format!("cut {at} {:?}", name.map(|name| String::from_utf8_lossy(&name).into_owned()))
                }
            })
            .collect()
    }

    fn pax(records: &[(&str, &str)]) -> Vec<u8> {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len() + 1;
            while format!("{length}{rest}").len() != length {
                length += 1;
            }
            text += &length.to_string();
            text += &rest;
        }
        text.into_bytes()
    }

    #[test]
    fn members_of_every_dialect_are_found() {
        let check = |parts: &[Vec<u8>], expect: &[&str]| {
            let mut bytes = parts.concat();
            bytes.resize(bytes.len() + 2 * BLOCK, 0);
            assert_eq!(names(&bytes), expect);
        };
        let long = "d/".repeat(80) + "a.jpg";
        check(&[member(b"a.jpg", b"1"), member(b"b.jpg", b"")], &["a.jpg=1", "b.jpg="]);
        check(
            &[entry(b"././@LongLink", b'L', format!("{long}\0").as_bytes()), member(b"cut", b"2")],
            &[&format!("{long}=2")],
        );
        check(&[entry(b"././@LongLink", b'K', b"target\0"), entry(b"l", b'2', b""), member(b"b", b"3")], &["b=3"]);
        check(&[entry(b"x", b'x', &pax(&[("path", "ü.jpg"), ("mtime", "1.5")])), member(b"cut", b"4")], &["ü.jpg=4"]);
        check(&[entry(b"g", b'g', &pax(&[("comment", "hello")])), member(b"a", b"5")], &["a=5"]);
        check(
            &[
                entry(b"g", b'g', &pax(&[("path", "all"), ("size", "3"), ("GNU.sparse.name", "s")])),
                member(b"a", b"5"),
                member(b"b", b""),
            ],
            &["a=5", "b="],
        );
        check(&[entry(b"d", b'5', b""), member(b"d/a", b"6"), entry(b"l", b'1', b"")], &["d/a=6"]);
        check(&[member(b"old/", b""), member(b"old/a", b"7")], &["old/a=7"]);
        check(
            &[entry(b"x", b'x', &pax(&[("GNU.sparse.name", "s.jpg")])), member(b"p", b"8"), member(b"a", b"9")],
            &["sparse s.jpg", "a=9"],
        );
        check(&[entry(b"s", b'S', b"10"), member(b"a", b"11")], &["sparse s", "a=11"]);
        // The size in a pax record stands for the one in the header.
        let mut wrong = member(b"a", b"12345");
        wrong[124..136].copy_from_slice(b"00000000000\0");
        seal(&mut wrong[..BLOCK]);
        check(&[entry(b"x", b'x', &pax(&[("size", "5")])), wrong, member(b"b", b"6")], &["a=12345", "b=6"]);
        // Base 256.
        let mut big = member(b"a", b"123");
        big[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        seal(&mut big[..BLOCK]);
        check(&[big], &["a=123"]);
        // The ustar prefix.
        let mut deep = member(b"a.jpg", b"1");
        deep[345..348].copy_from_slice(b"p/q");
        seal(&mut deep[..BLOCK]);
        check(&[deep], &["p/q/a.jpg=1"]);
    }

    #[test]
    fn a_bad_checksum_costs_one_member() {
        let mut bytes = tar(&[("a", b"1"), ("b", b"2"), ("c", b"3")]);
        bytes[1024] ^= 1;
        assert_eq!(names(&bytes), ["a=1", "corrupt 1024 Some(2048)", "c=3"]);
        bytes[2048] ^= 1;
        assert_eq!(names(&bytes), ["a=1", "corrupt 1024 None"]);
    }

    #[test]
    fn absurd_sizes_are_cuts() {
        let mut bytes = header(b"a", b'0', 0);
        bytes[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        seal(&mut bytes);
        assert_eq!(names(&bytes), ["cut 512 Some(\"a\")"]);
        bytes[156] = b'?';
        seal(&mut bytes);
        assert_eq!(names(&bytes), ["cut 512 None"]);
        bytes[124] = 0xff;
        seal(&mut bytes);
        assert_eq!(names(&bytes), ["corrupt 0 None"]);
    }

    #[test]
    fn a_cut_at_every_byte_keeps_the_members_before_it() {
        let bytes = tar(&[("a.jpg", &[1; 700]), ("a.txt", b"text"), ("b.jpg", &[2; 512])]);
        let ends = [512 + 700, 1536 + 512 + 4, 2560 + 512 + 512];
        for cut in 0..bytes.len() {
            let events: Vec<_> = Walk::new(&bytes[..cut]).collect();
            let members = events.iter().filter(|event| matches!(event, Event::Member(_))).count();
            assert_eq!(members, ends.iter().filter(|&&end| end <= cut).count(), "{cut}");
            let told = matches!(events.last(), Some(Event::Truncated { .. }));
            assert_eq!(told, cut < 3584 + 512, "{cut}: everything before the end mark is a cut");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert!(Walk::new(&bytes).count() <= bytes.len() / BLOCK + 1);
        }

        #[test]
        fn damaged_tars_end(at in 0_usize..3072, byte in any::<u8>(), kind in any::<u8>()) {
            let mut bytes = [header(b"a", kind, 100), vec![0; 512], tar(&[("b", b"2"), ("c", b"3")])].concat();
            bytes[at] = byte;
            for event in Walk::new(&bytes) {
                if let Event::Member(member) = event {
                    prop_assert!(member.data.end <= bytes.len());
                }
            }
        }
    }
}
