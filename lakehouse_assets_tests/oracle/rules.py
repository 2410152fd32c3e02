"""What must hold between the manifest and the tables, as queries that return the rows which break it."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_assets_tests.oracle import gold

FATES = {
    "good": "published",
    "cancellation": "published",
    "late": "published",
    "duplicate": "duplicate",
    "superseded": "superseded",
    "malformed": "quarantined",
    "wrong_type": "quarantined",
    "null": "quarantined",
    "absurd_timestamp": "quarantined",
}

VIEWS = f"""
CREATE TABLE expected AS
  SELECT m.*, f.fate FROM manifest m
  LEFT JOIN (VALUES {", ".join(str(pair) for pair in FATES.items())}) f(label, fate) USING (label);
CREATE TABLE landed AS
  SELECT 'bronze' AS place, topic_id, "partition", "offset", event_date FROM bronze
  UNION ALL SELECT 'bronze quarantine', topic_id, "partition", "offset", NULL FROM bronze_quarantine;
CREATE TABLE losers AS
  SELECT l.*, content_hash AS winner_hash FROM (
    SELECT unnest(losers) AS l, content_hash FROM silver WHERE len(losers) > 0);
CREATE TABLE told AS
  SELECT 'published' AS fate, topic_id, "partition", "offset" FROM silver
  UNION ALL SELECT 'quarantined', topic_id, "partition", "offset" FROM silver_quarantine
  UNION ALL SELECT 'quarantined', topic_id, "partition", "offset" FROM bronze_quarantine
  UNION ALL SELECT CASE WHEN content_hash = winner_hash THEN 'duplicate' ELSE 'superseded' END,
                   topic_id, "partition", "offset" FROM losers;
{gold.FACTS}
"""


@dataclass(frozen=True)
class Rule:
    """A promise and the query for what breaks it; `strict` ones need manifests that name every record."""

    promise: str
    query: str
    strict: bool = False


RULES = (
    Rule(
        "every manifest label is known and every manifest coordinate is named once",
        """SELECT "partition", "offset", string_agg(label) AS labels, count(*) AS times FROM expected
           GROUP BY ALL HAVING count(*) > 1 OR count(fate) < count(*)""",
    ),
    Rule(
        "all tables speak of one topic id",
        """SELECT list(DISTINCT topic_id) AS topic_ids
           FROM (SELECT topic_id FROM landed UNION ALL SELECT topic_id FROM told)
           HAVING count(DISTINCT topic_id) > 1""",
    ),
    Rule(
        "no coordinate is in bronze and its quarantine more than once",
        """SELECT topic_id, "partition", "offset", count(*) AS times, string_agg(place) AS places FROM landed
           GROUP BY ALL HAVING count(*) > 1""",
    ),
    Rule(
        "every record sent is in bronze or its quarantine",
        """SELECT e.* FROM expected e ANTI JOIN landed USING ("partition", "offset")""",
    ),
    Rule(
        "nothing is in bronze or its quarantine that was not sent",
        """SELECT l.* FROM landed l ANTI JOIN expected USING ("partition", "offset")""",
        strict=True,
    ),
    Rule(
        "only records dated outside the calendar are in bronze's quarantine, and all of them",
        """SELECT e."partition", e."offset", label, place
           FROM expected e JOIN landed USING ("partition", "offset")
           WHERE (label = 'absurd_timestamp') <> (place = 'bronze quarantine')""",
    ),
    Rule(
        "bronze files each record under its event date",
        """SELECT e."partition", e."offset", label, e.event_date AS sent, l.event_date AS found
           FROM expected e JOIN landed l USING ("partition", "offset")
           WHERE place = 'bronze' AND l.event_date IS DISTINCT FROM TRY_CAST(e.event_date AS DATE)""",
    ),
    Rule(
        "no coordinate has two fates, or the same one twice",
        """SELECT topic_id, "partition", "offset", count(*) AS times, string_agg(fate) AS fates FROM told
           GROUP BY ALL HAVING count(*) > 1""",
    ),
    Rule(
        "every record sent has the fate of its label",
        """SELECT e."partition", e."offset", label, e.fate AS wanted, t.fate AS found
           FROM expected e LEFT JOIN told t USING ("partition", "offset")
           WHERE t.fate IS DISTINCT FROM e.fate""",
    ),
    Rule(
        "nothing has a fate that was not sent",
        """SELECT t.* FROM told t ANTI JOIN expected USING ("partition", "offset")""",
        strict=True,
    ),
    Rule(
        "the grain (TransactionNo, ProductNo, event_date) is unique in silver",
        """SELECT TransactionNo, ProductNo, event_date, count(*) AS times FROM silver
           GROUP BY ALL HAVING count(*) > 1""",
    ),
    Rule(
        "the lowest coordinate of a grain wins",
        """SELECT s.topic_id, s."partition", s."offset",
                  list_min(list_transform(losers, lambda l: l."offset")) AS loser
           FROM silver s WHERE len(list_filter(losers, lambda l:
             (l."partition", l."offset") < (s."partition", s."offset"))) > 0""",
    ),
    Rule(
        "a loser has the grain of its winner",
        """SELECT w."partition", w."offset", e."offset" AS loser, e.TransactionNo, w.TransactionNo AS winner
           FROM (SELECT * EXCLUDE (losers), unnest(losers) AS l FROM silver WHERE len(losers) > 0) w
           JOIN expected e ON e."partition" = w.l."partition" AND e."offset" = w.l."offset"
           WHERE (e.TransactionNo, e.ProductNo, e.event_date)
             IS DISTINCT FROM (w.TransactionNo, w.ProductNo, CAST(w.event_date AS VARCHAR))""",
    ),
    Rule(
        "silver's values are the record's",
        """SELECT e."partition", e."offset", label, e.TransactionNo, e.ProductNo, e.event_date, e.Price,
                  s.TransactionNo, s.ProductNo, s.event_date, s.Price
           FROM expected e JOIN silver s USING ("partition", "offset")
           WHERE (e.TransactionNo, e.ProductNo, e.event_date, e.Price)
             IS DISTINCT FROM (s.TransactionNo, s.ProductNo, CAST(s.event_date AS VARCHAR), s.Price)""",
    ),
    Rule(
        "silver's units, customer and time are those of the record as landed",
        """SELECT f."partition", f."offset", f.Quantity, f.CustomerNo, f.event_time,
                  s.Quantity, s.CustomerNo, s.event_time
           FROM facts f JOIN silver s USING ("partition", "offset")
           WHERE (f.Quantity, f.CustomerNo, f.event_time)
             IS DISTINCT FROM (s.Quantity, s.CustomerNo, s.event_time)""",
    ),
    Rule(
        "cancellations are marked, and only they",
        """SELECT e."partition", e."offset", label, is_cancellation
           FROM expected e JOIN silver s USING ("partition", "offset")
           WHERE is_cancellation IS DISTINCT FROM (label = 'cancellation')""",
    ),
    Rule(
        "every quarantined record has a reason",
        """SELECT topic_id, "partition", "offset", reasons FROM
             (SELECT * FROM bronze_quarantine UNION ALL SELECT * FROM silver_quarantine)
           WHERE coalesce(len(reasons), 0) = 0""",
    ),
    Rule(
        "gold's revenue of each day is the sum of what was sent for it, and there are no other days",
        """SELECT coalesce(g.event_date, w.day) AS day, w.revenue AS wanted, g.revenue AS found
           FROM (SELECT CAST(event_date AS DATE) AS day, sum(Price) AS revenue FROM expected
                 WHERE fate = 'published' GROUP BY ALL) w
           FULL JOIN gold g ON g.event_date = w.day WHERE g.revenue IS DISTINCT FROM w.revenue""",
        strict=True,
    ),
    *(
        Rule(f"gold's answer for {answer.what} is that of {source}, once", query, strict=base == "facts")
        for base, source in (("silver", "silver's rows"), ("facts", "the records sent"))
        for answer in gold.ANSWERS
        for query in gold.comparisons(answer, base)
    ),
)
