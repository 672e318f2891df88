-- Times are milliseconds since 1970. BYTEA becomes BLOB for SQLite when this file is loaded; nothing else differs.

-- Hubs that may start sessions here.
CREATE TABLE hub (
    hub           BIGINT  PRIMARY KEY,
    verify_key    BYTEA   NOT NULL,            -- Ed25519, 32 bytes
    rendezvous    BYTEA   NOT NULL             -- encrypted
);

-- Sensors, with what was measured of their PUF when they were enrolled.
CREATE TABLE sensor (
    hub           BIGINT  NOT NULL REFERENCES hub (hub),
    sensor        BIGINT  NOT NULL,
    kind          BIGINT  NOT NULL,            -- signal code
    class         BIGINT  NOT NULL,            -- risk class 1, 2, 3
    wrapping_key  BYTEA   NOT NULL,            -- encrypted; opens the sensor's consents
    enrolled_ms   BIGINT  NOT NULL,
    reliability   DOUBLE PRECISION NOT NULL,   -- 0 to 1
    uniformity    DOUBLE PRECISION NOT NULL,   -- 0 to 1
    uniqueness    DOUBLE PRECISION,            -- 0 to 1
    pairs         BIGINT  NOT NULL,            -- as many as were enrolled
    profile       BIGINT  NOT NULL,            -- the protocol it speaks
    revoked_ms    BIGINT,
    PRIMARY KEY (hub, sensor)
);

-- Challenge-response pairs, each served once and then gone.
CREATE TABLE pair (
    hub           BIGINT  NOT NULL,
    sensor        BIGINT  NOT NULL,
    number        BIGINT  NOT NULL,
    challenge     BYTEA   NOT NULL,
    response      BYTEA   NOT NULL,            -- encrypted
    PRIMARY KEY (hub, sensor, number),
    FOREIGN KEY (hub, sensor) REFERENCES sensor (hub, sensor)
);
CREATE INDEX pair_by_challenge ON pair (hub, sensor, challenge);

-- Who was admitted. An erased patient keeps the row and loses what it says.
CREATE TABLE patient (
    patient       BIGINT  PRIMARY KEY,         -- random
    attributes    BYTEA,                       -- encrypted; nothing after an erasure
    admitted_ms   BIGINT  NOT NULL,
    erased_ms     BIGINT
);

-- Which hub stood at whose bed, and when.
CREATE TABLE stay (
    patient       BIGINT  NOT NULL REFERENCES patient (patient),
    hub           BIGINT  NOT NULL,
    from_ms       BIGINT  NOT NULL,
    to_ms         BIGINT,                      -- nothing while it lasts
    PRIMARY KEY (patient, hub, from_ms)
);
CREATE UNIQUE INDEX stay_open ON stay (hub) WHERE to_ms IS NULL;

-- One row for each report in the ledger. Derived: rebuilt from the ledger when it is behind.
CREATE TABLE report (
    hub           BIGINT  NOT NULL,
    number        BIGINT  NOT NULL,            -- the hub's running number: a report is stored once
    ledger_index  BIGINT  NOT NULL,            -- in the ledger of the hub's shard
    sensor        BIGINT  NOT NULL,
    kind          BIGINT  NOT NULL,
    hub_time_ms   BIGINT  NOT NULL,
    PRIMARY KEY (hub, number),
    UNIQUE (hub, ledger_index)
);
CREATE INDEX report_by_sensor ON report (hub, sensor, number);

-- One row for each encrypted vector in the ledger, beside that of its report. Derived, as that is.
CREATE TABLE vector (
    hub           BIGINT  NOT NULL,
    number        BIGINT  NOT NULL,            -- of its report
    ledger_index  BIGINT  NOT NULL,            -- in the ledger of the hub's shard
    stream        BYTEA   NOT NULL,            -- 16 bytes, its name in the ledger
    patient       BIGINT  REFERENCES patient (patient),
    start_ms      BIGINT  NOT NULL,            -- where its window begins, by the hub's clock
    length_ms     BIGINT  NOT NULL,
    simulated     BIGINT  NOT NULL,            -- 1 when some reading in it was
    PRIMARY KEY (hub, number)
);
CREATE INDEX vector_by_start ON vector (start_ms);

-- One row for each record of access in the ledger. Derived, as those of reports are; what it says stands sealed in the ledger.
CREATE TABLE act (
    origin        TEXT    NOT NULL,            -- the ledger
    ledger_index  BIGINT  NOT NULL,
    kind          BIGINT  NOT NULL,            -- type byte of the entry
    at_ms         BIGINT  NOT NULL,
    bed           BIGINT  NOT NULL,
    patient       BIGINT,                      -- no reference: the record outlives the patient's row
    person        BYTEA   NOT NULL,            -- 16 bytes, zeros for nobody
    purpose       TEXT    NOT NULL,
    PRIMARY KEY (origin, ledger_index)
);
CREATE INDEX act_by_bed ON act (bed, ledger_index);

-- The highest ledger entry among index rows that were erased, so that the index is not taken for being behind.
CREATE TABLE erased_index (
    ledger_index  BIGINT  PRIMARY KEY
);

-- Alarms and what people did with them.
CREATE TABLE alarm (
    alarm           BIGINT  NOT NULL,          -- entry of the report that raised it, in the ledger of the hub's shard
    hub             BIGINT  NOT NULL,
    sensor          BIGINT  NOT NULL,
    condition_code  BIGINT  NOT NULL,
    raised_ms       BIGINT  NOT NULL,
    ended_ms        BIGINT,
    acknowledged_ms BIGINT,
    acknowledged_by TEXT,
    PRIMARY KEY (hub, alarm)
);

-- Who holds certificates of the house. Nobody is removed: reviews and the ledger name them.
CREATE TABLE person (
    person        BYTEA   PRIMARY KEY,         -- 16 random bytes, as in certificates
    name          BYTEA   NOT NULL,            -- encrypted
    role          BIGINT  NOT NULL,            -- role code, as in certificates
    highest       BIGINT  NOT NULL,            -- highest risk class, whatever else allows more
    added_ms      BIGINT  NOT NULL,
    left_ms       BIGINT                       -- nothing while they are of the house
);

-- What persons are to patients, one relation each.
CREATE TABLE relation (
    person        BYTEA   NOT NULL REFERENCES person (person),
    patient       BIGINT  NOT NULL REFERENCES patient (patient),
    relation      BIGINT  NOT NULL,            -- 1 consulting, 2 on call, 3 treating, 4 the patient themself
    from_ms       BIGINT  NOT NULL,
    until_ms      BIGINT,                      -- nothing: until it is taken back
    PRIMARY KEY (person, patient)
);
CREATE INDEX relation_by_patient ON relation (patient);

-- Which role with which relation sees which class of a patient. Without a row the house's default holds.
CREATE TABLE access_policy (
    patient       BIGINT  PRIMARY KEY REFERENCES patient (patient),
    policy        BYTEA   NOT NULL             -- 40 bytes, as in docs/access.md
);

-- Links that sign somebody in once, with the certificate that goes with each. Kept a while after their end, because
-- revocation goes by their serials.
CREATE TABLE invitation (
    token_hash    BYTEA   PRIMARY KEY,         -- SHA-256 of the token
    person        BYTEA   NOT NULL REFERENCES person (person),
    kind          BIGINT  NOT NULL,            -- 1 console, 2 wall display, 3 export
    serial        BIGINT  NOT NULL UNIQUE,
    certificate   BYTEA   NOT NULL,            -- 155 bytes
    code_salt     BYTEA   NOT NULL,            -- 16 random bytes
    code_hash     BYTEA   NOT NULL,            -- Argon2id, 32 bytes
    made_ms       BIGINT  NOT NULL,
    until_ms      BIGINT  NOT NULL,            -- end of the certificate
    used_ms       BIGINT,
    revoked_ms    BIGINT
);
CREATE INDEX invitation_by_person ON invitation (person);

-- Alarm limits that somebody has set at a bed. They go with the patient.
CREATE TABLE alarm_limit (
    hub           BIGINT  NOT NULL,
    signal        BIGINT  NOT NULL,            -- signal code
    low           DOUBLE PRECISION,            -- in the signal's unit; nothing: no limit
    high          DOUBLE PRECISION,
    priority      BIGINT  NOT NULL,            -- code of the alarm's priority
    enabled       BIGINT  NOT NULL,            -- 0 is alarm off
    changed_by    BYTEA   NOT NULL,            -- person, 16 bytes
    changed_ms    BIGINT  NOT NULL,
    PRIMARY KEY (hub, signal)
);

-- Accesses by break-glass, to be looked at afterwards. No foreign keys: a row outlives what it names.
CREATE TABLE review (
    hub           BIGINT  NOT NULL,
    review        BIGINT  NOT NULL,            -- entry of the override's start, in the ledger of the hub's shard
    patient       BIGINT,                      -- nothing when nobody was known to lie there
    person        BYTEA   NOT NULL,            -- who broke the glass, 16 bytes
    opened_ms     BIGINT  NOT NULL,
    closed_ms     BIGINT,
    story         BYTEA,                       -- encrypted; nothing after an erasure
    state         BIGINT  NOT NULL,            -- 1 open, 2 waiting, 3 accepted, 4 questioned
    reviewer      BYTEA,                       -- person, 16 bytes
    reviewed_ms   BIGINT,
    note          BYTEA,                       -- encrypted; nothing after an erasure
    PRIMARY KEY (hub, review)
);
CREATE INDEX review_by_patient ON review (patient);

-- Keys of the payloads in the ledger. Erasing a row erases what was sealed under it.
CREATE TABLE data_key (
    key_id        BYTEA   PRIMARY KEY,         -- 16 random bytes, in the ledger entry
    secret        BYTEA   NOT NULL,            -- encrypted
    hub           BIGINT,                      -- whose reports it seals, when it is not for everybody
    patient       BIGINT  REFERENCES patient (patient),
    created_ms    BIGINT  NOT NULL
);
CREATE INDEX data_key_by_patient ON data_key (patient);

-- Which random stream name in the ledger is whose. A name never spans two patients.
CREATE TABLE stream (
    stream        BYTEA   PRIMARY KEY,         -- 16 random bytes
    hub           BIGINT  NOT NULL,
    sensor        BIGINT  NOT NULL,
    patient       BIGINT  REFERENCES patient (patient)
);
-- Two indexes, because a unique index takes two rows without a patient for different.
CREATE UNIQUE INDEX stream_of_patient ON stream (hub, sensor, patient);
CREATE UNIQUE INDEX stream_of_nobody ON stream (hub, sensor) WHERE patient IS NULL;

-- What was asked to be erased: applied again after an old backup was restored. No foreign keys: the list outlives rows.
CREATE TABLE erasure (
    patient       BIGINT  NOT NULL,
    key_id        BYTEA   NOT NULL,            -- of a data key; empty for the patient's own rows
    asked_ms      BIGINT  NOT NULL,
    done_ms       BIGINT,                      -- when the payloads were gone here and at every replica
    PRIMARY KEY (patient, key_id)
);
CREATE INDEX erasure_by_key ON erasure (key_id);

-- How far each ledger is, for whoever writes it: advanced by compare-and-swap.
CREATE TABLE log_head (
    origin        TEXT    PRIMARY KEY,
    size          BIGINT  NOT NULL,
    root          BYTEA   NOT NULL,            -- 32 bytes
    note          TEXT    NOT NULL             -- the signed checkpoint
);

-- Who serves which shard, and until when.
CREATE TABLE shard_lease (
    shard         TEXT    PRIMARY KEY,
    owner         TEXT    NOT NULL,            -- empty after a release
    term          BIGINT  NOT NULL,            -- higher for each new owner
    expires_ms    BIGINT  NOT NULL
);
