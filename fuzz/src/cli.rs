//! The files that people hand to the command: configurations, and hubs' cards.

use bodywire_cli::card::Card;
use bodywire_cli::config::{CONFIG_BYTES_MAX, Config};

/// A configuration, accepted or refused with problems that name lines of the text.
pub fn config(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match Config::parse(text) {
        Ok(config) => {
            assert!(text.len() <= CONFIG_BYTES_MAX);
            assert_eq!(Config::parse(text).as_ref(), Ok(&config), "the same text says the same");
            let spread = config.spread;
            assert!(1 <= spread.k() && spread.k() <= spread.n(), "{spread:?}");
            assert!(config.paths.is_empty() || config.paths.len() == spread.n());
            true
        }
        Err(problems) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!(!problems.is_empty(), "refused without a reason");
            assert!(
                problems.iter().all(|problem| problem.line.is_none_or(|line| (1..=lines).contains(&line)))
            );
            assert!(problems.is_sorted_by_key(|problem| problem.line.unwrap_or(usize::MAX)));
            false
        }
    }
}

/// A hub's card, accepted and written as it was understood, or refused with a reason.
pub fn card(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match Card::parse(text) {
        Ok(card) => {
            let written = card.emit().expect("what was read can be written");
            let again = Card::parse(&written).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(again.emit().expect("it was written before"), written);
            true
        }
        Err(why) => {
            assert!(!why.is_empty(), "refused without a reason");
            false
        }
    }
}
