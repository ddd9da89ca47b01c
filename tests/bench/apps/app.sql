-- SPDX-License-Identifier: Apache-2.0
-- A benchmark of SQLite in memory: rows made, indexed, joined, changed; @WORK@ is their number.
CREATE TABLE item(id INTEGER PRIMARY KEY, owner INTEGER, name TEXT, price REAL);
CREATE TABLE owner(id INTEGER PRIMARY KEY, city TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @WORK@)
INSERT INTO item SELECT i, i * 7919 % 997, printf('item-%06x', i * 2654435761 % 16777216),
    (i * 31 % 1000) / 8.0 FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 996)
INSERT INTO owner SELECT i, substr('AthensBerlinCairo-Delhi-', 1 + 6 * (i % 4), 6) FROM n;
CREATE INDEX item_name ON item(name);
CREATE INDEX item_owner ON item(owner, price);
SELECT city, count(*), round(sum(price), 3), max(name) FROM item JOIN owner ON owner.id = owner
    GROUP BY city ORDER BY city;
SELECT owner, avg(price) AS mean FROM item GROUP BY owner ORDER BY mean DESC, owner LIMIT 10;
SELECT count(*) FROM item WHERE name LIKE '%a7%' OR name GLOB '*-0*f';
UPDATE item SET price = price * 1.25, name = upper(name) WHERE owner % 5 = 0;
DELETE FROM item WHERE id % 7 = 3;
SELECT count(*), round(total(price), 3), min(name), max(name) FROM item;
SELECT a.name FROM item a JOIN item b ON b.name = a.name AND b.id > a.id ORDER BY 1 LIMIT 5;
SELECT name, price, rank() OVER (PARTITION BY owner % 10 ORDER BY price DESC, id) AS place
    FROM item ORDER BY place, name LIMIT 20;
