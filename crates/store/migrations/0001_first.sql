-- Hubs that may start sessions here.
CREATE TABLE hub (
    hub           INTEGER PRIMARY KEY,
    verify_key    BLOB    NOT NULL,            -- Ed25519, 32 bytes
    rendezvous    BLOB    NOT NULL             -- encrypted
);

-- Sensors, with what was measured of their PUF when they were enrolled.
CREATE TABLE sensor (
    hub           INTEGER NOT NULL REFERENCES hub (hub),
    sensor        INTEGER NOT NULL,
    kind          INTEGER NOT NULL,            -- signal code
    class         INTEGER NOT NULL,            -- risk class 1, 2, 3
    wrapping_key  BLOB    NOT NULL,            -- encrypted; opens the sensor's consents
    enrolled_ms   BIGINT  NOT NULL,
    reliability   DOUBLE PRECISION NOT NULL,   -- 0 to 1
    uniformity    DOUBLE PRECISION NOT NULL,   -- 0 to 1
    pairs         INTEGER NOT NULL,            -- as many as were enrolled
    PRIMARY KEY (hub, sensor)
);

-- Challenge-response pairs, each served once and then gone.
CREATE TABLE pair (
    hub           INTEGER NOT NULL,
    sensor        INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    challenge     BLOB    NOT NULL,
    response      BLOB    NOT NULL,            -- encrypted
    PRIMARY KEY (hub, sensor, number),
    FOREIGN KEY (hub, sensor) REFERENCES sensor (hub, sensor)
);

-- One row for each report in the ledger. Derived: rebuilt from the ledger when it is behind.
CREATE TABLE report (
    hub           INTEGER NOT NULL,
    number        BIGINT  NOT NULL,            -- the hub's running number: a report is stored once
    ledger_index  BIGINT  NOT NULL UNIQUE,
    sensor        INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    hub_time_ms   BIGINT  NOT NULL,
    PRIMARY KEY (hub, number)
);
CREATE INDEX report_by_sensor ON report (hub, sensor, number);

-- Alarms and what people did with them.
CREATE TABLE alarm (
    alarm           BIGINT  PRIMARY KEY,       -- ledger entry of the report that raised it
    hub             INTEGER NOT NULL,
    sensor          INTEGER NOT NULL,
    condition_code  INTEGER NOT NULL,
    raised_ms       BIGINT  NOT NULL,
    ended_ms        BIGINT,
    acknowledged_ms BIGINT,
    acknowledged_by TEXT
);

-- Keys of the payloads in the ledger. Erasing a row erases what was sealed under it.
CREATE TABLE data_key (
    key_id        BLOB    PRIMARY KEY,         -- 16 random bytes, in the ledger entry
    secret        BLOB    NOT NULL,            -- encrypted
    created_ms    BIGINT  NOT NULL
);

-- Which random stream name in the ledger is whose.
CREATE TABLE stream (
    stream        BLOB    PRIMARY KEY,         -- 16 random bytes
    hub           INTEGER NOT NULL,
    sensor        INTEGER NOT NULL,
    UNIQUE (hub, sensor)
);
