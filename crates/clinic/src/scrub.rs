//! The scrubber: reads every byte of the ledger again and again, since consistency proofs do not notice changed data.

use crate::archive::Archive;
use crate::board::{AlarmInput, Board, LedgerView, Priority};
use crate::service::now_ms;
use bodywire_ledger::{FileDisk, VerifierKey, fsck};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify};

/// Pause between two full checks of the ledger, at least.
const SCRUB_PAUSE_MIN: Duration = Duration::from_millis(500);
/// The pause is at least this many times as long as the check took, so that checking costs a tenth of a core at most.
const SCRUB_PAUSE_FACTOR: u32 = 9;

/// Checks the whole ledger again and again and tells the board. What looks wrong is looked at a second time with the
/// writer stopped, since a file may have changed while it was read.
pub(crate) async fn scrub(
    directory: PathBuf,
    key: VerifierKey,
    archive: Arc<Mutex<Archive>>,
    board: Board,
    wake: Arc<Notify>,
) {
    loop {
        let begun = Instant::now();
        let mut outcome = check(&directory, &key);
        if outcome.as_ref().map_or(true, |report| !report.is_sound()) {
            let _writer_waits = archive.lock().await;
            outcome = check(&directory, &key);
        }
        let view = ledger_view(outcome, now_ms());
        let condition = "ledger.damaged".to_owned();
        if let Some(damage) = &view.damage {
            let text = format!("LEDGER DAMAGED, {damage}");
            let (priority, at_ms) = (Priority::Technical, now_ms());
            // A full board shows the mark all the same.
            let _ = board.raise_alarm(AlarmInput {
                condition,
                priority,
                text,
                at_ms,
                evidence: None,
                strip: None,
            });
        } else {
            board.end_alarm(&condition, now_ms());
        }
        board.ledger_state(view);
        let pause = (begun.elapsed() * SCRUB_PAUSE_FACTOR).max(SCRUB_PAUSE_MIN);
        tokio::select! {
            _ = tokio::time::sleep(pause) => {}
            _ = wake.notified() => {}
        }
    }
}

fn check(directory: &Path, key: &VerifierKey) -> Result<fsck::Report, bodywire_ledger::Error> {
    tokio::task::block_in_place(|| {
        let options = fsck::Options { key: Some(key.clone()), floor: 0 };
        fsck::check(&FileDisk::open_read_only(directory), &options)
    })
}

fn ledger_view(outcome: Result<fsck::Report, bodywire_ledger::Error>, now_ms: u64) -> LedgerView {
    match outcome {
        Ok(report) => {
            let worst = report.findings.iter().find(|finding| finding.kind.is_failure());
            // The record first: the file's name is long, and the alarm line is not.
            let damage = worst.map(|finding| match &finding.entries {
                Some(entries) => format!("record {}: {} ({})", entries.start, finding.what, finding.file),
                None => format!("{}: {}", finding.file, finding.what),
            });
            LedgerView { entries: report.entries, verified_at_ms: now_ms, damage }
        }
        Err(error) => LedgerView { entries: 0, verified_at_ms: now_ms, damage: Some(error.to_string()) },
    }
}
