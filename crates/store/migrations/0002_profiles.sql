-- What a sensor was enrolled with, how it differs from the others, and when it was revoked.
ALTER TABLE sensor ADD COLUMN profile INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sensor ADD COLUMN uniqueness DOUBLE PRECISION;
ALTER TABLE sensor ADD COLUMN revoked_ms BIGINT;
CREATE INDEX pair_by_challenge ON pair (hub, sensor, challenge);
