#![allow(missing_docs, clippy::all, clippy::print_stdout, clippy::unwrap_used)]
#[path = "../tests/recordings/mod.rs"]
mod recordings;
#[path = "../tests/truth/mod.rs"]
mod truth;
use bodywire_ecg::{monitor::*, correlate::*, SampleRate, fibrillation::features, segment::qrs_width_s};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (db, name, from, to) = (&a[1], &a[2], a[3].parse::<f64>().unwrap(), a[4].parse::<f64>().unwrap());
    for r in recordings::load_all(db).iter().filter(|r| r.name == *name) {
        let rate = SampleRate::new(r.rate_hz).unwrap();
        let mut m = Monitor::new(truth::settings(r)).unwrap();
        for (i, &s) in r.samples.iter().enumerate() {
            m.push(s);
            let t = i as f64 / r.rate_hz;
            let show = t >= from && t < to;
            while let Some(e) = m.poll() {
                if !show { continue; }
                match e {
                    Event::Beat { r_sample, rr_samples, correlation, .. } => {
                        let c = match correlation { Some(Correlation::Defined { rho, parts, .. }) => format!("{rho:.2} {parts:.2?}"), o => format!("{o:?}") };
                        println!("{t:.1} beat rr {:.2} {c} width {:.3} thr {:.2}", rr_samples.unwrap_or(0) as f64 / r.rate_hz, qrs_width_s(m.strip(), rate, r_sample).unwrap_or(0.0), m.threshold());
                    }
                    Event::Verdict(v) => println!("{t:.1} ==== {:?}", v.state),
                    _ => {}
                }
            }
            if show && (i as u64 + 1) % rate.samples(1.0) == 0 && a.len() > 5 {
                if let Some(f) = features(m.strip(), rate) { println!("{t:.0} leak {:.3} occ {:.3} f {:.1} mag {:.3} {}", f.leakage, f.occupancy, f.frequency_hz, f.magnitude_mv, if f.looks_fibrillating() { "***" } else { "" }); }
            }
        }
    }
}
