//! A gate without a ledger on a disk and without a database: acts go to a list in memory, time and random bytes are the test's.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

#[path = "house/people.rs"]
mod people;

use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::gate::act::Act;
use bodywire_clinic::gate::journal::Journal;
use bodywire_clinic::gate::{Acts, Answer, Appending, Asked, Gate, NotAsked, Parts};
use bodywire_ledger::EntryKind;
use bodywire_proto::access::{Decision, IssuerKey, Role};
use bodywire_proto::report::Condition;
use bodywire_proto::risk::RiskClass;
use ed25519_dalek::SigningKey;
use people::{BED, OTHER_BED, PATIENT, PUMP, Somebody, Wish, people, revocations, somebody_of};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const START_MS: u64 = 1_700_000_000_000;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(START_MS) };
    static DRAWN: Cell<u8> = const { Cell::new(0) };
}

fn now_ms() -> u64 {
    NOW_MS.get()
}

fn draw() -> [u8; 32] {
    DRAWN.set(DRAWN.get() + 1);
    [DRAWN.get(); 32]
}

/// Keeps acts in the order in which they came, unless it is away.
#[derive(Default)]
struct List {
    acts: Mutex<Vec<(EntryKind, Act)>>,
    away: AtomicBool,
}

impl List {
    fn last(&self) -> (EntryKind, Act) {
        self.acts.lock().unwrap().last().cloned().unwrap()
    }

    fn len(&self) -> usize {
        self.acts.lock().unwrap().len()
    }
}

impl Acts for List {
    fn append<'a>(&'a self, kind: EntryKind, act: &'a Act) -> Appending<'a> {
        let mut acts = self.acts.lock().unwrap();
        let entry = (!self.away.load(Ordering::Relaxed)).then(|| {
            acts.push((kind, Act::parse(&act.to_bytes()).unwrap()));
            acts.len() as u64 - 1
        });
        Box::pin(std::future::ready(entry))
    }
}

struct World {
    gate: Gate,
    board: Board,
    list: Arc<List>,
    issuer: SigningKey,
}

fn world() -> World {
    let board = Board::new(START_MS, Source::Simulated);
    let issuer = SigningKey::from_bytes(&[2; 32]);
    let gate = Gate::new(Parts {
        board: board.clone(),
        issuers: vec![IssuerKey::from_bytes(&issuer.verifying_key().to_bytes()).unwrap()],
        journal: Journal::in_memory(SigningKey::from_bytes(&[3; 32])),
        clock: now_ms,
        random: draw,
    });
    let list = Arc::new(List::default());
    gate.set_acts(Arc::<List>::clone(&list));
    gate.set_directory(people());
    gate.set_revocations(&revocations(&issuer, 1, &[], START_MS)).unwrap();
    World { gate, board, list, issuer }
}

impl World {
    async fn ask(&self, who: &Somebody, wish: Wish) -> Result<Answer, NotAsked> {
        let challenge = self.gate.challenge(&who.credential);
        let request = who.request(wish, challenge, now_ms()).to_bytes().unwrap().to_vec();
        let asked = Asked { request, statement: wish.statement.map(str::to_owned), code: None };
        self.gate.ask(Some(&who.credential), &asked).await
    }
}

#[tokio::test]
async fn each_decision_is_on_record_before_it_is_told() {
    let world = world();
    let mut questions = world.gate.questions();
    let treats = somebody_of(&world.issuer, 1, Role::Physician, START_MS, |_| {});
    for class in [RiskClass::I, RiskClass::II] {
        let answer = world.ask(&treats, Wish { class, ..Wish::TREATMENT }).await.unwrap();
        assert!(matches!(answer.decision, Decision::Grant(_)), "{:?}", answer.decision);
        let (kind, act) = world.list.last();
        assert_eq!((kind, act.class), (EntryKind::Grant, Some(class.to_string())));
        assert_eq!(answer.recorded.entry, Some(world.list.len() as u64 - 1));
    }
    assert!(world.gate.rights(Some(&treats.credential)).reach(BED, RiskClass::II, 1));

    // Class III: on record, and then the sensor is asked; what it answers opens it, on record again.
    let answer = world.ask(&treats, Wish::PUMP).await.unwrap();
    assert!(matches!(answer.decision, Decision::AskSensor { .. }), "{:?}", answer.decision);
    assert_eq!((answer.recorded.entry, world.list.len()), (Some(2), 3));
    let question = questions.try_recv().unwrap();
    assert_eq!(question.sensor, PUMP);
    assert!(!world.gate.rights(Some(&treats.credential)).reach(BED, RiskClass::III, PUMP.0));
    let asked = bodywire_proto::ask::name_of(&question.request);
    world.gate.sensor_released(BED, PUMP, Some(asked), question.until_ms).await;
    assert_eq!(world.list.len(), 4);
    assert!(world.gate.rights(Some(&treats.credential)).reach(BED, RiskClass::III, PUMP.0));

    // Somebody else's patient is refused, which is on record, too.
    let stranger = somebody_of(&world.issuer, 5, Role::Physician, START_MS, |_| {});
    let answer = world.ask(&stranger, Wish::TREATMENT).await.unwrap();
    assert!(matches!(answer.decision, Decision::Refuse { .. }));
    assert_eq!((world.list.last().0, answer.recorded.entry), (EntryKind::Refusal, Some(4)));

    world.board.at(BED).found(Condition::PatternLost, true, now_ms());
    let answer = world.ask(&stranger, Wish::GLASS).await.unwrap();
    assert!(matches!(answer.decision, Decision::Override { .. }), "{:?}", answer.decision);
    let (kind, act) = world.list.last();
    assert_eq!((kind, act.patient), (EntryKind::OverrideStart, Some(PATIENT.0)));
    assert_eq!((act.at_ms, act.journalled), (START_MS, false));
    assert!(world.gate.rights(Some(&stranger.credential)).reach(BED, RiskClass::II, 1));
    assert!(!world.gate.rights(Some(&stranger.credential)).reach(OTHER_BED, RiskClass::I, 1));

    // A grant ends by the clock that was given, and the end of broken glass is on record.
    let before = world.list.len();
    NOW_MS.set(answer.access.unwrap().until_ms);
    world.gate.tick().await;
    assert!(!world.gate.rights(Some(&stranger.credential)).reach(BED, RiskClass::I, 1));
    let ends = world.list.acts.lock().unwrap();
    assert!(ends[before..].iter().any(|(kind, _)| *kind == EntryKind::OverrideEnd));
}

#[tokio::test]
async fn without_a_record_nothing_but_an_emergency_is_decided() {
    let world = world();
    world.list.away.store(true, Ordering::Relaxed);
    let treats = somebody_of(&world.issuer, 1, Role::Physician, START_MS, |_| {});
    let asked = world.ask(&treats, Wish::TREATMENT).await;
    assert!(matches!(asked, Err(NotAsked::Unrecorded(_))));
    let asked = world.ask(&treats, Wish::PUMP).await;
    assert!(matches!(asked, Err(NotAsked::Unrecorded(_))));
    assert!(world.gate.grants(&treats.credential).is_empty());

    world.board.at(BED).found(Condition::PatternLost, true, now_ms());
    let answer = world.ask(&treats, Wish::GLASS).await.unwrap();
    assert!(answer.recorded.journalled && answer.recorded.entry.is_none());
    assert!(world.gate.rights(Some(&treats.credential)).reach(BED, RiskClass::II, 1));
    world.gate.tick().await;
    assert_eq!(world.list.len(), 0);

    // When the place is back, what is in the journal goes there.
    world.list.away.store(false, Ordering::Relaxed);
    world.gate.tick().await;
    let (kind, act) = world.list.last();
    assert_eq!((world.list.len(), kind, act.journalled), (1, EntryKind::OverrideStart, true));
    world.gate.tick().await;
    assert_eq!(world.list.len(), 1);
}

#[tokio::test]
async fn a_place_that_nobody_gave_takes_nothing() {
    let gate = Gate::new(Parts {
        board: Board::new(START_MS, Source::Simulated),
        issuers: Vec::new(),
        journal: Journal::in_memory(SigningKey::from_bytes(&[3; 32])),
        clock: now_ms,
        random: draw,
    });
    let issuer = SigningKey::from_bytes(&[2; 32]);
    let world = World { board: Board::new(0, Source::Simulated), list: Arc::default(), gate, issuer };
    let somebody = somebody_of(&world.issuer, 1, Role::Physician, START_MS, |_| {});
    assert!(matches!(world.ask(&somebody, Wish::TREATMENT).await, Err(NotAsked::Unrecorded(_))));
}
