//! The same code against brokers that others have written.

use crate::world::{Guard, engine, headless, run, three_free_ports};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn three_mosquittos_carry_the_ward() {
    let Some(mosquitto) = engine("three_mosquittos_carry_the_ward", "mosquitto") else { return };
    let directory = tempfile::tempdir().unwrap();
    let first = three_free_ports();
    let mut brokers = Vec::new();
    for port in first..first + 3 {
        let config = directory.path().join(format!("{port}.conf"));
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
        let child = Command::new(&mosquitto).arg("-c").arg(&config).stderr(Stdio::null()).spawn().unwrap();
        brokers.push(Guard(child));
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not listen on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let addresses: Vec<String> = (first..first + 3).map(|port| format!("127.0.0.1:{port}")).collect();
    let mut arguments = vec!["--duration", "6s", "--emergency-at", "never"];
    addresses.iter().for_each(|address| arguments.extend(["--broker", address.as_str()]));
    let mut child = headless(&directory.path().join("state"), &arguments);
    let running = std::thread::spawn(move || run(&mut child));
    // One of them dies in the middle.
    std::thread::sleep(Duration::from_secs(4));
    brokers.remove(1);
    let result = running.join().unwrap();
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    let summary = result.summary();
    assert_eq!((summary["authenticated"].as_u64(), summary["lost"].as_u64()), (Some(5), Some(0)));
    assert_eq!((summary["duplicated"].as_u64(), summary["pending"].as_u64()), (Some(0), Some(0)));
    let up: Vec<bool> =
        summary["paths"].as_array().unwrap().iter().map(|path| path["up"].as_bool().unwrap()).collect();
    assert_eq!(up, [true, false, true]);
    assert_eq!(summary["ledger"]["verified"], true);
}
