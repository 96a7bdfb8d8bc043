//! Natural order of names: runs of digits compare as numbers, so `2.tar` stands before `10.tar`.

use std::cmp::Ordering;

/// Compares two names naturally: digit runs by value, everything else byte by byte. Names that differ
/// only in leading zeros are ordered by their bytes, so the order is total.
#[must_use]
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(&l), Some(&r)) = (left.first(), right.first()) {
        if l.is_ascii_digit() && r.is_ascii_digit() {
            let (number_l, rest_l) = split_number(left);
            let (number_r, rest_r) = split_number(right);
            // Without leading zeros the longer number is the larger one; equal lengths compare as text.
            let order = number_l.len().cmp(&number_r.len()).then_with(|| number_l.cmp(number_r));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (rest_l, rest_r);
        } else if l == r {
            (left, right) = (&left[1..], &right[1..]);
        } else {
            return l.cmp(&r);
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits at the start without leading zeros, and what follows them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().take_while(|&&byte| byte == b'0').count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digit_runs_compare_as_numbers() {
        let check = |a: &str, b: &str, expect| {
            assert_eq!(natural_cmp(a, b), expect, "{a} {b}");
            assert_eq!(natural_cmp(b, a), expect.reverse(), "{b} {a}");
        };
        check("2.tar", "10.tar", Ordering::Less);
        check("a2b10", "a2b9", Ordering::Greater);
        check("train/0.tar", "train/00.tar", Ordering::Less);
        check("a", "a1", Ordering::Less);
        check("same1", "same1", Ordering::Equal);
        check("99999999999999999999998", "99999999999999999999999", Ordering::Less);
        check("", "0", Ordering::Less);
        check("train/1.tar", "val/0.tar", Ordering::Less);
    }
}
