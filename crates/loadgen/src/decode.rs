//! The bytes of an event stream → the numbers of its events, however the bytes are cut.

/// Where in the chunked body the next byte stands.
enum Place {
    /// The body is not chunked.
    Plain,
    /// In a size line; what has been read of the size, and whether an extension has begun.
    Size(usize, bool),
    Data(usize),
    /// In the line end behind a chunk's data.
    DataEnd,
    /// Behind the last chunk.
    End,
}

/// Reads one stream.
pub(crate) struct Decoder {
    place: Place,
    /// A line that began in an earlier read.
    line: Vec<u8>,
}

impl Decoder {
    /// Begins behind the head.
    pub(crate) fn new(chunked: bool) -> Self {
        Self {
            place: if chunked {
                Place::Size(0, false)
            } else {
                Place::Plain
            },
            line: Vec::new(),
        }
    }

    /// Tells the `id` of each event in `bytes`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(u64)) {
        while let Some((first, rest)) = bytes.split_first() {
            match self.place {
                Place::Plain => {
                    self.text(bytes, sink);
                    return;
                }
                Place::Size(size, extended) => {
                    self.place = in_size(size, extended, *first);
                    bytes = rest;
                }
                Place::Data(left) => {
                    let (data, rest) = bytes.split_at(left.min(bytes.len()));
                    self.text(data, sink);
                    self.place = match left - data.len() {
                        0 => Place::DataEnd,
                        left => Place::Data(left),
                    };
                    bytes = rest;
                }
                Place::DataEnd => {
                    if *first == b'\n' {
                        self.place = Place::Size(0, false);
                    }
                    bytes = rest;
                }
                Place::End => return,
            }
        }
    }

    fn text(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(u64)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.line.is_empty() {
                number(line).into_iter().for_each(&mut *sink);
            } else {
                self.line.extend_from_slice(line);
                number(&self.line).into_iter().for_each(&mut *sink);
                self.line.clear();
            }
            bytes = rest;
        }
        self.line.extend_from_slice(bytes);
    }
}

fn in_size(size: usize, extended: bool, byte: u8) -> Place {
    match (byte, extended) {
        (b'\n', _) if size == 0 => Place::End,
        (b'\n', _) => Place::Data(size),
        (b';', _) | (_, true) => Place::Size(size, true),
        _ => match char::from(byte).to_digit(16) {
            Some(digit) => Place::Size((size << 4) | digit as usize, false),
            // The carriage return before the line feed.
            None => Place::Size(size, false),
        },
    }
}

/// The number in a line `id: 17`.
fn number(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"id: ")?;
    digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(chunked: bool, wire: &[u8], step: usize) -> Vec<u64> {
        let (mut decoder, mut ids) = (Decoder::new(chunked), Vec::new());
        for part in wire.chunks(step) {
            decoder.feed(part, &mut |id| ids.push(id));
        }
        ids
    }

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_numbers() {
        let plain = b":ping\n\nid: 7\nevent: x\ndata: {\"id\": 1}\n\nid: 1790000000000123\ndata: y\n\n";
        let mut chunked = Vec::new();
        for part in plain.chunks(9) {
            chunked.extend(format!("{:x};a=1\r\n", part.len()).bytes());
            chunked.extend(part);
            chunked.extend(b"\r\n");
        }
        chunked.extend(b"0\r\n\r\n");
        for step in 1..=plain.len() {
            assert_eq!(ids(false, plain, step), [7, 1_790_000_000_000_123]);
            assert_eq!(ids(true, &chunked, step), [7, 1_790_000_000_000_123]);
        }
    }
}
