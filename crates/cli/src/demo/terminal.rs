//! Keys without Enter, while the demo runs.

use bodywire_clinic::web::DemoCommand;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// One of the demo controls.
    Command(DemoCommand),
    /// Break a path, or restore the broken one.
    TogglePath,
    /// End the demo.
    Quit,
}

/// Keys that wait for the ward; more than anybody types in a second.
pub(super) const WISHES_QUEUE: usize = 16;
/// How often the keyboard task looks whether the demo is over.
const LOOK: Duration = Duration::from_millis(100);

/// The terminal in raw mode; back to normal when dropped.
pub(super) struct RawMode(bool);

impl RawMode {
    /// Switches to raw mode where there is a terminal.
    pub(super) fn enter() -> Self {
        Self(std::io::stdin().is_terminal() && crossterm::terminal::enable_raw_mode().is_ok())
    }

    /// True when keys can be read.
    pub(super) const fn has_keys(&self) -> bool {
        self.0
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if self.0 {
            // There is nobody left to tell.
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }
}

/// Reads keys until `stop` turns true.
pub(super) fn read_keys(wishes: &mpsc::Sender<Wish>, stop: &watch::Receiver<bool>) {
    while !*stop.borrow() {
        if !poll(LOOK).unwrap_or(false) {
            continue;
        }
        let Ok(Event::Key(key)) = read() else { continue };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let interrupt = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
        let wish = match key.code {
            _ if interrupt => Wish::Quit,
            KeyCode::Char('q') => Wish::Quit,
            KeyCode::Char('e') => Wish::Command(DemoCommand::Emergency),
            KeyCode::Char('b') => Wish::TogglePath,
            KeyCode::Char('t') => Wish::Command(DemoCommand::Tamper),
            _ => continue,
        };
        if wishes.blocking_send(wish).is_err() {
            return;
        }
    }
}
