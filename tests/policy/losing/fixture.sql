CREATE TABLE victim (id int PRIMARY KEY, val text NOT NULL, n int DEFAULT 7);
CREATE TABLE notes (id serial PRIMARY KEY, body text, "drop" text, "delete" int);
CREATE TABLE parent (id int PRIMARY KEY, val text);
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE, val text);
CREATE TABLE part (id int, val text) PARTITION BY RANGE (id);
CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TYPE pair AS (a int, b int);
