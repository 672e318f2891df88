//! The witness: growth is cosigned; a rollback, a fork and two roots of one size are refused, whatever the sizes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{cell::Cell, collections::HashMap};

use bodywire_ledger::{
    Checkpoint, CosignerKey, Draft, EntryKind, Error, Floor, Hash, KeyId, Log, MemDisk, Origin, StreamId,
    VerifierKey, cosignature,
    merkle::{self, Frontier, Node},
    note::Note,
    witness::{Charge, Evidence, MAX_PROOF_LINES, Refusal, Request, Seen, request, request_of},
};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

const ORIGIN: &str = "ward.example/log";
/// Cases of each property.
const CASES: u32 = 2_000;
/// Largest tree of the properties.
const LEAVES_MAX: u64 = 300;

fn secret() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new(ORIGIN, secret().verifying_key()).unwrap()
}

/// A history: the same salt gives the same leaves; from `fork` on, others.
struct Tree {
    nodes: HashMap<Node, Hash>,
}

impl Tree {
    fn new(salt: u64, fork: u64, size: u64) -> Self {
        let (mut frontier, mut nodes) = (Frontier::new(), HashMap::new());
        for index in 0..size {
            let leaf =
                [salt.to_be_bytes(), index.to_be_bytes(), u64::from(index >= fork).to_be_bytes()].concat();
            frontier.append(Hash::leaf(&leaf), |node, hash| {
                nodes.insert(node, hash);
            });
        }
        Self { nodes }
    }

    fn read(&self, node: Node) -> Result<Hash, Error> {
        Ok(self.nodes[&node])
    }

    fn signed(&self, size: u64) -> String {
        let root = merkle::root(size, |node| self.read(node)).unwrap();
        Checkpoint { origin: Origin::new(ORIGIN).unwrap(), size, root }.sign(&secret()).unwrap()
    }

    fn request(&self, old: u64, size: u64) -> Request {
        let proof = merkle::consistency_proof(old, size, |node| self.read(node)).unwrap();
        Request::parse(request(old, &proof, &self.signed(size)).as_bytes()).unwrap()
    }

    fn seen(&self, size: u64) -> Seen {
        Seen::open(&self.signed(size), &key()).unwrap()
    }
}

fn property(strategy: impl Strategy<Value = (u64, u64, u64)>, test: impl Fn(u64, u64, u64)) {
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let ran = Cell::new(0);
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |(salt, a, b)| {
            test(salt, a, b);
            ran.set(ran.get() + 1);
            Ok(())
        })
        .unwrap();
    assert_eq!(ran.get(), CASES);
}

/// A salt and two sizes, the first not larger.
fn grown() -> impl Strategy<Value = (u64, u64, u64)> {
    (any::<u64>(), 0..=LEAVES_MAX, 0..=LEAVES_MAX).prop_map(|(salt, a, b)| (salt, a.min(b), a.max(b)))
}

/// The same, both larger than zero and the first smaller.
fn truly_grown() -> impl Strategy<Value = (u64, u64, u64)> {
    (any::<u64>(), 1..LEAVES_MAX, 1..=LEAVES_MAX)
        .prop_map(|(salt, a, more)| (salt, a, (a + more).min(LEAVES_MAX)))
}

#[test]
fn honest_growth_is_cosigned() {
    property(grown(), |salt, old, new| {
        let tree = Tree::new(salt, u64::MAX, new);
        let seen = tree.seen(old).advance(&tree.request(old, new), &key()).unwrap();
        assert_eq!((seen.size(), seen.signed()), (new, Some(tree.signed(new).as_str())));
        // From nothing, too; and again, for a fresh time.
        let first = Seen::default().advance(&tree.request(0, new), &key()).unwrap();
        assert_eq!(first, seen);
        assert_eq!(seen.advance(&tree.request(new, new), &key()).unwrap(), seen);
    });
}

#[test]
fn a_rollback_is_refused() {
    property(truly_grown(), |salt, old, new| {
        let tree = Tree::new(salt, u64::MAX, new);
        let seen = tree.seen(new);
        let smaller = seen.advance(&tree.request(old, old), &key()).unwrap_err();
        assert!(matches!(smaller, Refusal::Conflict { size, evidence: None } if size == new));
        let claimed = request(new, &[], &tree.signed(old));
        let claimed = seen.advance(&Request::parse(claimed.as_bytes()).unwrap(), &key()).unwrap_err();
        assert_eq!((claimed.status(), claimed.evidence()), (400, None));
        let zero = seen.advance(&tree.request(0, old), &key()).unwrap_err();
        assert_eq!(zero.status(), 409);
    });
}

#[test]
fn a_fork_is_refused_and_both_notes_are_kept() {
    property(truly_grown(), |salt, old, new| {
        let (tree, other) = (Tree::new(salt, u64::MAX, old), Tree::new(salt, salt % old, new));
        let refusal = tree.seen(old).advance(&other.request(old, new), &key()).unwrap_err();
        let evidence = Evidence { charge: Charge::Fork, held: tree.signed(old), refused: other.signed(new) };
        assert_eq!((refusal.status(), refusal.evidence()), (422, Some(&evidence)));
    });
}

#[test]
fn a_second_root_of_one_size_is_refused_and_both_notes_are_kept() {
    property(truly_grown(), |salt, cut, size| {
        let (tree, other) = (Tree::new(salt, u64::MAX, size), Tree::new(salt, salt % size, size));
        for old in [size, cut] {
            let refusal = tree.seen(size).advance(&other.request(old, size), &key()).unwrap_err();
            assert_eq!(refusal.status(), if old == size { 422 } else { 409 });
            let evidence = refusal.evidence().unwrap();
            assert_eq!(evidence.charge, Charge::Equivocation);
            let shown = Evidence::equivocation(&evidence.held, &evidence.refused, &key()).unwrap();
            assert_eq!(shown.as_ref(), Some(evidence));
        }
    });
}

#[test]
fn the_answers_are_those_of_the_specification() {
    let tree = Tree::new(1, u64::MAX, 20);
    let seen = tree.seen(7);
    let status = |text: &str| match Request::parse(text.as_bytes()) {
        Err(_) => 400,
        Ok(request) => seen.advance(&request, &key()).map_or_else(|refusal| refusal.status(), |_| 200),
    };
    let proof = merkle::consistency_proof(7, 20, |node| tree.read(node)).unwrap();
    let good = request(7, &proof, &tree.signed(20));
    assert_eq!(status(&good), 200);
    assert_eq!(status(&request(7, &proof[1..], &tree.signed(20))), 422);
    assert_eq!(status(&request(7, &[&proof[..], &proof[..1]].concat(), &tree.signed(20))), 422);
    assert_eq!(status(&request(8, &proof, &tree.signed(20))), 409);
    assert_eq!(status(&request(21, &proof, &tree.signed(20))), 400);
    assert_eq!(status(&request(7, &[Hash::ZERO; MAX_PROOF_LINES + 1], &tree.signed(20))), 400);
    for bad in [
        good.replace("old 7", "old 07"),
        good.replace("old 7", "old  7"),
        good.replace("old 7", "old -7"),
        good.replacen("\n\n", "\n", 1),
        good.replacen('\n', "\r\n", 1),
        good.replace("old 7\n", ""),
        String::new(),
    ] {
        assert_eq!(status(&bad), 400, "{bad:?}");
    }
    // Signed by a stranger, or by the right key with one bit of the signature gone.
    let stranger = VerifierKey::new(ORIGIN, SigningKey::from_bytes(&[4; 32]).verifying_key()).unwrap();
    let parsed = Request::parse(good.as_bytes()).unwrap();
    assert_eq!(parsed.origin(), ORIGIN);
    assert_eq!(seen.advance(&parsed, &stranger).unwrap_err().status(), 403);
    // The empty tree has one root.
    let wrong = Checkpoint { origin: Origin::new(ORIGIN).unwrap(), size: 0, root: Hash([1; 32]) };
    let wrong = request(0, &[], &wrong.sign(&secret()).unwrap());
    let wrong = Request::parse(wrong.as_bytes()).unwrap();
    assert_eq!(Seen::default().advance(&wrong, &key()).unwrap_err().status(), 422);
    // No proof is needed from nothing, and one is refused.
    let needless = Request::parse(request(0, &proof, &tree.signed(20)).as_bytes()).unwrap();
    let refusal = Seen::default().advance(&needless, &key()).unwrap_err();
    assert_eq!((refusal.status(), refusal.evidence()), (422, None));
}

#[test]
fn the_example_of_the_specification_parses() {
    let text = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n\
        example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
    assert_eq!(Request::parse(text.as_bytes()).unwrap().origin(), "example.com/behind-the-sofa");
}

#[test]
fn a_log_asks_from_its_files_and_the_answer_joins_its_checkpoint() {
    let origin = Origin::new(ORIGIN).unwrap();
    let (mut log, _) = Log::open(MemDisk::new(), origin, secret(), Floor::NONE).unwrap();
    let mut seen = Seen::default();
    let witness = SigningKey::from_bytes(&[5; 32]);
    let cosigner = CosignerKey::new("a.example/witness", witness.verifying_key()).unwrap();
    for round in 0..40u8 {
        let draft = Draft {
            kind: EntryKind::Telemetry,
            flags: 0,
            time_ms: 1,
            stream: StreamId([1; 16]),
            stream_seq: u64::from(round),
            key: KeyId([9; 16]),
            payload: vec![round; 30],
        };
        log.append(vec![draft; 1 + usize::from(round) * 3]).unwrap();
        log.publish().unwrap();
        let body = request_of(log.disk(), &key(), seen.size()).unwrap();
        seen = seen.advance(&Request::parse(body.as_bytes()).unwrap(), &key()).unwrap();
        assert_eq!((seen.size(), seen.root()), (log.size(), log.root()));
        let head = log.checkpoint().text();
        let line = cosignature::cosign(&head, 1_700_000_000, cosigner.name(), &witness).unwrap();
        let signed = cosignature::attach(seen.signed().unwrap(), &line).unwrap();
        let note = Note::parse(signed.as_bytes()).unwrap();
        note.verify(&key()).unwrap();
        assert_eq!(cosigner.verify(&note).unwrap(), 1_700_000_000);
    }
    assert!(matches!(request_of(log.disk(), &key(), log.size() + 1), Err(Error::NoSuchEntry { .. })));
}
