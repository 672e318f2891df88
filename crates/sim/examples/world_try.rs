use bodywire_sim::world::{Options, World, random};
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let (from, to) = (args[0], args[1]);
    let begun = std::time::Instant::now();
    let mut bad = 0;
    for seed in from..to {
        let scenario = random::scenario(seed);
        let lines: Option<Box<dyn FnMut(&str)>> =
            if args.len() > 2 { Some(Box::new(|l: &str| println!("{l}"))) } else { None };
        let outcome = World::new(&scenario, seed, Options { lines, ..Options::default() }).unwrap().run();
        if args.len() > 2 {
            println!("{:#?}\n{:#?}", scenario, outcome.signals);
        }
        if !outcome.violations.is_empty() {
            bad += 1;
            println!(
                "seed {seed}: {:?}",
                outcome
                    .violations
                    .iter()
                    .map(|v| format!("{:.3} {:?}: {}", v.at_ns as f64 / 1e9, v.rule, v.text))
                    .collect::<Vec<_>>()
            );
        }
    }
    println!("{bad} bad of {}, {:?}", to - from, begun.elapsed());
}
