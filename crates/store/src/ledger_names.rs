//! What the ledger's random names mean: keys of payloads, and streams. Ordinary, erasable rows.

use crate::Store;
use crate::error::Error;
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::Row;

/// The stream of one sensor in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamRow {
    /// Its random name.
    pub stream: [u8; 16],
    /// The sensor's hub.
    pub hub: HubId,
    /// The sensor.
    pub sensor: SensorId,
}

impl Store {
    /// Keeps the key of payloads that will be sealed under the name `key_id`.
    pub async fn add_data_key(&self, key_id: [u8; 16], secret: &[u8; 32], now_ms: u64) -> Result<(), Error> {
        let sealed = self.vault.seal("data_key.secret", &row_of(&key_id), secret)?;
        sqlx::query("INSERT INTO data_key (key_id, secret, created_ms) VALUES ($1, $2, $3)")
            .bind(&key_id[..])
            .bind(sealed)
            .bind(now_ms.cast_signed())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The key with this name; `None` when it was never here or has been erased.
    pub async fn data_key(&self, key_id: [u8; 16]) -> Result<Option<[u8; 32]>, Error> {
        let row = sqlx::query("SELECT secret FROM data_key WHERE key_id = $1")
            .bind(&key_id[..])
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        self.vault.open_array("data_key.secret", &row_of(&key_id), row.try_get("secret")?).map(Some)
    }

    /// Gives a sensor's stream a name. Fails when it has one.
    pub async fn add_stream(&self, row: StreamRow) -> Result<(), Error> {
        sqlx::query("INSERT INTO stream (stream, hub, sensor) VALUES ($1, $2, $3)")
            .bind(&row.stream[..])
            .bind(i64::from(row.hub.0))
            .bind(i64::from(row.sensor.0))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// All streams.
    pub async fn streams(&self) -> Result<Vec<StreamRow>, Error> {
        let rows = sqlx::query("SELECT stream, hub, sensor FROM stream").fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let stream: Vec<u8> = row.try_get("stream")?;
                let number = |column: &'static str| -> Result<u16, Error> {
                    row.try_get::<i64, _>(column)?.try_into().map_err(|_| Error::Damaged("stream"))
                };
                Ok(StreamRow {
                    stream: stream.try_into().map_err(|_| Error::Damaged("stream.stream"))?,
                    hub: HubId(number("hub")?),
                    sensor: SensorId(number("sensor")?),
                })
            })
            .collect()
    }
}

/// The row's identity as the vault takes it.
fn row_of(key_id: &[u8; 16]) -> [i64; 2] {
    let [high, low] = [0, 8].map(|at| {
        let mut half = [0u8; 8];
        half.iter_mut().zip(key_id.iter().skip(at)).for_each(|(slot, byte)| *slot = *byte);
        i64::from_be_bytes(half)
    });
    [high, low]
}
