//! Texts on which two engines must agree before one may stand in for the other.

/// Pieces that tokenizers are known to treat in their own ways.
const PIECES: [&str; 48] = [
    "the",
    " quick",
    "Brown",
    "'s",
    "'LL",
    "don't",
    " I'm",
    "é",
    "e\u{301}",
    "ﬁ",
    "Straße",
    "ÅNGSTRÖM",
    "ß",
    "naïve",
    "世界",
    "日本語テスト",
    "한국어",
    "עברית",
    "العربية",
    "हिन्दी",
    "ไทย",
    "🙂",
    "👩‍👩‍👧",
    "🇩🇪",
    "\u{200d}",
    "\u{feff}",
    "\u{0}",
    "\u{7}",
    "\u{1b}[0m",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{3000}",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\n\n\n",
    "0",
    "12345",
    "٣٤٥",
    "½",
    "1,000.00",
    "+-*/=",
    "<|",
    "|>",
    "_snake_case",
    "https://x.yz/?q=1&r=2",
];

/// A few hundred texts, always the same for the same special tokens: pieces and special tokens strung together, random scalar
/// values, each character of the lower planes once, and texts long enough to pass any internal limit.
pub(super) fn texts(special: &[String]) -> Vec<String> {
    let mut random = Random(0x70_726f_6265);
    let mut texts = vec![String::new()];
    texts.extend(PIECES.iter().map(|p| p.to_string()));
    texts.extend(special.iter().take(64).cloned());
    for n in 0..200 {
        let mut text = String::new();
        for _ in 0..=n % 24 {
            let piece = random.below((PIECES.len() + special.len().min(64)) as u64) as usize;
            let piece =
                PIECES.get(piece).copied().or_else(|| special.get(piece - PIECES.len()).map(String::as_str));
            text.push_str(piece.unwrap_or_default());
            if random.below(3) == 0 {
                text.push(' ');
            }
        }
        texts.push(text);
    }
    for limit in [0x80, 0x800, 0x3000, 0x2_0000] {
        for n in 0..40 {
            texts.push((0..=n).filter_map(|_| char::from_u32(random.below(limit) as u32)).collect());
        }
    }
    // Blocks of 512 neighbors, in order.
    let scalars: Vec<char> = (0..0x3000u32).chain(0x1_f300..0x1_f700).filter_map(char::from_u32).collect();
    texts.extend(scalars.chunks(512).map(|block| block.iter().collect::<String>()));
    for length in [5_000, 20_000] {
        let mut text = String::new();
        while text.len() < length {
            let piece = random.below(PIECES.len() as u64) as usize;
            text.push_str(PIECES.get(piece).copied().unwrap_or_default());
            text.push_str([" ", "", "\n", ", "].get(random.below(4) as usize).copied().unwrap_or_default());
        }
        texts.push(text);
    }
    texts.push("a".repeat(3_000));
    texts.push(" ".repeat(3_000));
    texts
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(x ^ (x >> 31)) * u128::from(n)) >> 64) as u64
    }
}
