-- The ERP tables that budgets/syncd.yaml reads, with a little data. PostgreSQL.
CREATE TABLE cost_centre_groups (
    group_no text PRIMARY KEY,
    name     text NOT NULL
);
CREATE TABLE cost_centres (
    cost_centre_no text PRIMARY KEY,
    name           text NOT NULL,
    group_no       text NOT NULL REFERENCES cost_centre_groups
);
CREATE TABLE budget_years (year integer PRIMARY KEY);
CREATE TABLE budget_plans (
    plan_id       text PRIMARY KEY,
    budget_key    text NOT NULL,
    month         text NOT NULL,       -- such as 2026-01, or 2026 for the whole year
    planned       numeric(14, 2) NOT NULL,
    currency_code text NOT NULL
);
CREATE TABLE postings (
    posting_id     text PRIMARY KEY,
    account_no     text NOT NULL,
    booked_on      date NOT NULL,
    operation_no   text NOT NULL,
    booking_text   text NOT NULL,
    amount         numeric(14, 2) NOT NULL,
    currency_code  text NOT NULL,
    amount_eur     numeric(14, 2) NOT NULL,
    kind           text NOT NULL DEFAULT 'bank',
    ledger_account text,
    cost_centre_no text,
    project_no     text,
    employee_email text,
    status         text NOT NULL DEFAULT 'posted',
    changed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE posting_lines (
    line_id        text PRIMARY KEY,
    posting_id     text NOT NULL REFERENCES postings ON DELETE CASCADE,
    amount         numeric(14, 2) NOT NULL,
    cost_centre_no text,
    employee_email text,
    changed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON posting_lines (posting_id);

-- What makes incremental reading possible: every change moves the stamp.
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON postings FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON posting_lines FOR EACH ROW EXECUTE FUNCTION touch();

INSERT INTO cost_centre_groups (group_no, name) VALUES ('G1', 'Marketing'), ('G2', 'Production'), ('G3', 'Office');
INSERT INTO cost_centres (cost_centre_no, name, group_no) VALUES
    ('4100', 'Advertising', 'G1'), ('4110', 'Fairs', 'G1'), ('4120', 'Brand', 'G1'), ('4130', 'Online', 'G1'),
    ('5100', 'Workshop', 'G2'), ('5110', 'Machines', 'G2'), ('5120', 'Energy', 'G2'), ('5130', 'Store', 'G2'),
    ('6100', 'Offices', 'G3'), ('6110', 'Software', 'G3'), ('6120', 'Travel', 'G3'), ('6990', 'Everything else', 'G3');
INSERT INTO budget_years (year) VALUES (2026);
INSERT INTO budget_plans (plan_id, budget_key, month, planned, currency_code) VALUES
    ('1', '4130:2026', '2026', 60000, 'EUR'), ('2', '6100:2026', '2026', 400000, 'EUR');
INSERT INTO postings (posting_id, account_no, booked_on, operation_no, booking_text, amount, currency_code, amount_eur,
                      kind, ledger_account, cost_centre_no, project_no, employee_email) VALUES
    ('P1', 'DK0000000000000202', '2026-01-05', 'OP1', 'Search ads January', -820.50, 'EUR', -820.50, 'bank', '4400', NULL, NULL, NULL),
    ('P2', 'DK0000000000000202', '2026-01-07', 'OP2', 'Rent January', -4100.01, 'EUR', -4100.01, 'bank', '6000', NULL, NULL, NULL),
    ('P3', 'DK0000000000000202', '2026-01-09', 'OP3', 'Invoice 4711', -1250.00, 'EUR', -1250.00, 'invoice', NULL, NULL, NULL, NULL),
    ('P4', 'DK0000000000000202', '2026-01-12', 'OP4', 'Train to the fair', -89.90, 'EUR', -89.90, 'expense', NULL, '4110', NULL, 'ola@example.com'),
    ('P5', 'DK0000000000000202', '2026-01-20', 'OP5', 'To the savings account', -5000.00, 'EUR', -5000.00, 'transfer', NULL, NULL, NULL, NULL);
INSERT INTO posting_lines (line_id, posting_id, amount, cost_centre_no, employee_email) VALUES
    ('P3/1', 'P3', -1000.00, '4120', NULL), ('P3/2', 'P3', -250.00, '6110', 'ola@example.com');
