//! Numbers and sizes as the window writes them.

/// `1234567` -> `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 sample`, `2 samples`.
#[must_use]
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Bytes in decimal units with three significant digits: `11.0 kB`, `1.25 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ if value < 9.995 => format!("{value:.2} {}", UNITS[unit]),
        _ if value < 99.95 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// Seconds as `m:ss` or `h:mm:ss`.
#[must_use]
pub fn clock(secs: u64) -> String {
    if secs < 3600 {
        format!("{}:{:02}", secs / 60, secs % 60)
    } else {
        format!("{}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
    }
}

/// The first `chars` characters: what is laid out must be bounded, a caption may have megabytes.
#[must_use]
pub fn cut(text: &str, chars: usize) -> &str {
    // Bytes first: a short text is told without walking it.
    if text.len() <= chars {
        return text;
    }
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

/// How long ago, in the largest fitting unit.
#[must_use]
pub fn ago(secs: i64) -> String {
    let secs = secs.max(0) as u64;
    match secs {
        0..60 => "just now".to_owned(),
        60..3600 => plural(secs / 60, "minute ago", "minutes ago"),
        3600..86_400 => plural(secs / 3600, "hour ago", "hours ago"),
        _ => plural(secs / 86_400, "day ago", "days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_as_people_read_them() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (15_000_000, "15,000,000")] {
            assert_eq!(count(n), text);
        }
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (11_026, "11.0 kB"),
            (999_999, "1.00 MB"),
            (123_456_789, "123 MB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (n, text) in [(0, "0:00"), (75, "1:15"), (3675, "1:01:15")] {
            assert_eq!(clock(n), text);
        }
        for (text, chars, expect) in
            [("abc", 5, "abc"), ("abc", 2, "ab"), ("äöü", 2, "äö"), ("äöü", 3, "äöü"), ("", 0, "")]
        {
            assert_eq!(cut(text, chars), expect);
        }
        assert_eq!(plural(1, "sample", "samples"), "1 sample");
        assert_eq!(ago(7200), "2 hours ago");
    }
}
