//! Adding: replicas do it part by part, and each part is compared, verified by its tag, and one of them computed here once more.

use super::answer::{ReplicaVerdict, Verdict};
use super::policy::Refusal;
use super::query::Query;
use super::run::{Inner, Update};
use crate::archive::vector::vector_name;
use crate::evaluators::{Evaluation as Replies, Input, Lie, Reply, inputs_hash, judge};
use bodywire_aggregate::evaluate::combine;
use bodywire_aggregate::layout::LARGEST;
use bodywire_aggregate::vector::Header;
use bodywire_aggregate::{Bounds, Encoding, Stored, Sum, Tag, Vector, VectorRef};
use bodywire_store::VectorRow;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

/// Vectors of one part: 64 MiB that a replica reads in a fraction of a second, so that progress shows.
const PART: usize = 1024;
/// Vectors that are read together here, while reports wait for the ledger: some milliseconds.
const TOGETHER: usize = 32;
/// Replicas that must have given the right sum, where there are so many.
const AGREED_MIN: usize = 2;

/// Why a replica is said to lie, in words.
const fn why(lie: Lie) -> &'static str {
    match lie {
        Lie::WrongInputs => "it has added other entries than those it was asked for",
        Lie::NotAResult => "what it has sent is no result",
        Lie::Differs => "what it has sent is not the sum of those entries",
    }
}

/// The adding of one query.
pub(super) struct Evaluation<'a> {
    inner: &'a Inner,
    updates: &'a mpsc::Sender<Update>,
    of: usize,
    done: usize,
    /// The part that is computed here, too; counted down.
    until_recheck: usize,
    rechecked: usize,
    replicas: Vec<ReplicaVerdict>,
}

/// What is known at the end.
pub(super) struct Evaluated {
    pub(super) replicas: Vec<ReplicaVerdict>,
    /// Vectors that were added here, too.
    pub(super) rechecked: usize,
}

impl<'a> Evaluation<'a> {
    /// For sums over so many vectors each, which are to be made one after the other.
    pub(super) fn new(inner: &'a Inner, updates: &'a mpsc::Sender<Update>, sums: &[usize]) -> Self {
        let count = inner.evaluators.as_ref().map_or(0, crate::evaluators::Evaluators::count);
        let replicas = (1..=count).map(|number| ReplicaVerdict { number, state: Verdict::Agreed, why: None });
        // Which part it is must not be known to those who are checked.
        let parts = sums.iter().map(|vectors| vectors.div_ceil(PART)).sum::<usize>();
        let until_recheck = rand::random_range(0..parts.max(1));
        let of = sums.iter().sum();
        Self { inner, updates, of, done: 0, until_recheck, rechecked: 0, replicas: replicas.collect() }
    }

    /// The sum of these vectors; several, when one could wrap.
    pub(super) async fn sum(&mut self, query: &Query, rows: &[VectorRow]) -> Result<Vec<Vector>, Refusal> {
        let (mut sums, mut sum) = (Vec::new(), Sum::new());
        for part in rows.chunks(PART) {
            let bytes = self.part(query, part).await?;
            let one = Stored::parse(&bytes)?;
            if sum.add(&one, 1).is_err() {
                sums.push(std::mem::take(&mut sum).finish()?.0);
                sum.add(&one, 1)?;
            }
            self.done += part.len();
            // A reader who is slow misses some of it, and keeps nobody waiting.
            let progress = Update::Progress { done: self.done, of: self.of };
            if let Err(mpsc::error::TrySendError::Closed(_)) = self.updates.try_send(progress) {
                return Err(Refusal::Gone);
            }
        }
        sums.push(sum.finish()?.0);
        Ok(sums)
    }

    pub(super) fn end(self) -> Evaluated {
        Evaluated { replicas: self.replicas, rechecked: self.rechecked }
    }

    /// The verified sum of a part: `vector | tag`.
    async fn part(&mut self, query: &Query, rows: &[VectorRow]) -> Result<Vec<u8>, Refusal> {
        let expected = self.header(query, rows)?;
        let verify = |result: &Stored<'_>| self.is_sum(query, rows, expected, &result.vector, result.tag);
        let Some(evaluators) = &self.inner.evaluators else {
            let bytes = self.here(query, rows).await?;
            let right = Stored::parse(&bytes).is_ok_and(|result| verify(&result));
            self.rechecked += rows.len();
            return if right { Ok(bytes) } else { Err(Refusal::Authentic) };
        };
        let terms: Vec<_> = rows.iter().map(|row| (row.ledger_index, query.weight(row.hub))).collect();
        let inputs = self.inputs(query, rows).await?;
        let replies = evaluators.evaluate(&self.inner.log, &terms, inputs_hash(&inputs)).await;
        let judged = block_in_place(|| judge(&replies, verify));
        let least = AGREED_MIN.min(evaluators.count());
        self.note(&replies, &judged.liars);
        let Some(result) = judged.result else {
            let nobody = judged.liars.is_empty();
            return Err(if nobody { Refusal::Replicas { agreed: 0, least } } else { Refusal::Authentic });
        };
        if judged.agreed < least {
            return Err(Refusal::Replicas { agreed: judged.agreed, least });
        }
        if self.until_recheck == 0 {
            self.rechecked += rows.len();
            if self.here(query, rows).await? != result {
                tracing::error!("the replicas' sum is not the one that this clinic's own ledger gives");
                return Err(Refusal::Authentic);
            }
        }
        self.until_recheck = self.until_recheck.wrapping_sub(1);
        Ok(result)
    }

    /// The header that the sum must have: all vectors are fresh and of the one layout, which was looked at when they came.
    fn header(&self, query: &Query, rows: &[VectorRow]) -> Result<Header, Refusal> {
        let bounds = Bounds::fresh(u64::from(LARGEST));
        let fresh = Header { encoding: Encoding::Wide, key: self.inner.ward.public.id(), bounds };
        let mut sum = None;
        for row in rows {
            sum = Some(combine(sum, &fresh, query.weight(row.hub))?);
        }
        sum.ok_or(Refusal::Nothing)
    }

    fn is_sum(
        &self,
        query: &Query,
        rows: &[VectorRow],
        expected: Header,
        vector: &VectorRef<'_>,
        tag: Tag,
    ) -> bool {
        let names: Vec<_> = rows.iter().map(|row| vector_name(&row.stream, row.number)).collect();
        let terms = names.iter().zip(rows).map(|(name, row)| (&name[..], query.weight(row.hub)));
        vector.header == expected && self.inner.ward.tags.verify(vector, tag, terms).is_ok()
    }

    /// The entries that are added, as this clinic's own ledger has them.
    async fn inputs(&self, query: &Query, rows: &[VectorRow]) -> Result<Vec<Input>, Refusal> {
        let mut inputs = Vec::with_capacity(rows.len());
        for some in rows.chunks(TOGETHER) {
            let archive = self.inner.archive().await?;
            for row in some {
                let index = row.ledger_index;
                let leaf = block_in_place(|| archive.vector_leaf(index))?;
                inputs.push(Input { index, weight: query.weight(row.hub), leaf });
            }
        }
        Ok(inputs)
    }

    /// The same sum from this clinic's own ledger.
    async fn here(&self, query: &Query, rows: &[VectorRow]) -> Result<Vec<u8>, Refusal> {
        let mut sum = Sum::new();
        for some in rows.chunks(TOGETHER) {
            let mut read = Vec::with_capacity(some.len());
            let archive = self.inner.archive().await?;
            for row in some {
                read.push((archive.vector(row.ledger_index).await?, query.weight(row.hub)));
            }
            drop(archive);
            for (stored, weight) in &read {
                let tag = Tag::from_bytes(stored.tag)?;
                sum.add(&Stored { vector: VectorRef::parse(&stored.vector)?, tag }, *weight)?;
            }
        }
        Ok(sum.to_bytes()?)
    }

    /// Remembers how each replica was; the worst counts.
    fn note(&mut self, replies: &Replies, liars: &[(usize, Lie)]) {
        for (number, (replica, reply)) in self.replicas.iter_mut().zip(&replies.replies).enumerate() {
            let lie = liars.iter().find(|(liar, _)| *liar == number).map(|(_, lie)| *lie);
            let (state, because) = match (lie, reply) {
                (Some(lie), _) => (Verdict::Lying, Some(why(lie).to_owned())),
                (None, Reply::Lying(lie)) => (Verdict::Lying, Some(why(*lie).to_owned())),
                (None, Reply::Answered(_)) => (Verdict::Agreed, None),
                (None, Reply::Away) => (Verdict::Away, Some("no answer in time".to_owned())),
                (None, Reply::Erased(index)) => {
                    (Verdict::Refused, Some(format!("the payload of entry {index} is gone there")))
                }
                (None, Reply::Refused(text)) => (Verdict::Refused, Some(text.clone())),
            };
            if state > replica.state {
                if state == Verdict::Lying {
                    let (replica, why) = (replica.number, because.as_deref().unwrap_or_default());
                    tracing::error!(
                        replica,
                        why,
                        "a replica lies in an aggregate query: its answer is not used"
                    );
                }
                (replica.state, replica.why) = (state, because);
            }
        }
    }
}
