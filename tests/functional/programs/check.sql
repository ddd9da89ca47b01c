-- SPDX-License-Identifier: Apache-2.0
-- A database on disk: joins, indexes, windows, recursion, full text, JSON, transactions, a check at the end.
.bail on
PRAGMA journal_mode = WAL;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL, amount INTEGER);
CREATE TABLE sale(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item, day INTEGER, amount INTEGER);
CREATE INDEX sale_item ON sale(item, day);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
    INSERT INTO item SELECT i, printf('item-%05d', i), i * 0.25, i % 17 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO sale SELECT i, i * 7919 % 5000 + 1, i % 365, i % 5 + 1 FROM n;
COMMIT;
SELECT count(*), sum(price * amount), max(name) FROM item;
SELECT sum(s.amount * i.price), count(DISTINCT i.id) FROM sale s JOIN item i ON i.id = s.item WHERE s.day < 100;
SELECT day, total, sum(total) OVER (ORDER BY day) FROM
    (SELECT day, sum(amount) AS total FROM sale GROUP BY day) WHERE day % 60 = 0 ORDER BY day;
BEGIN;
DELETE FROM item WHERE id % 3 = 0;
UPDATE sale SET amount = amount * 10;
ROLLBACK;
SELECT count(*), (SELECT sum(amount) FROM sale) FROM item;
WITH RECURSIVE f(a, b, k) AS (SELECT 0, 1, 0 UNION ALL SELECT b, a + b, k + 1 FROM f WHERE k < 90)
    SELECT a FROM f WHERE k = 90;
SELECT json_extract('{"a":[1,2.5,{"b":"c"}]}', '$.a[2].b'), json_array_length('[1,2,3]');
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words SELECT name || ' ' || replace(printf('%g', price), '.', ' point ') FROM item;
SELECT count(*) FROM words WHERE words MATCH 'point AND 25';
SELECT hex(substr(x, 1, 4)), length(x) FROM (SELECT zeroblob(100000) AS x);
SELECT 9223372036854775807 + 1, 1e308 * 10, abs(-5.5), round(2.5), 7 / 2, -7 % 3;
VACUUM;
PRAGMA integrity_check;
