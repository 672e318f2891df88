//! Equal error rate of the similarity of ECGs on ECG-ID, with a bootstrap over persons:
//! `cargo run --release -p bodywire-ecg --example identity`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are the output; a surprise stops it"
)]

#[path = "../tests/noise/mod.rs"]
mod noise;
#[path = "../tests/persons/mod.rs"]
mod persons;
#[path = "../tests/recordings/mod.rs"]
mod recordings;

fn main() {
    let sessions = persons::sessions();
    if sessions.is_empty() {
        return;
    }
    println!("{}", persons::report(&sessions, 300));
    if std::env::args().any(|a| a == "dump") {
        for s in &sessions {
            let c: Vec<String> = s.signature.cycle.with_margins().iter().map(|v| format!("{v:.4}")).collect();
            println!("D,{},{:.4},{}", s.person, s.signature.qrs_width_s, c.join(","));
        }
    }
}
