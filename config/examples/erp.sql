-- The ERP tables that everything.yaml reads and writes, with a little data. PostgreSQL.
CREATE SEQUENCE customer_number START 100;
CREATE TABLE customers (
    customer_no    text PRIMARY KEY DEFAULT 'C' || lpad(nextval('customer_number')::text, 5, '0'),
    company_name   text NOT NULL,
    vat_no         text,
    country_code   text NOT NULL DEFAULT 'DK',
    currency_code  text NOT NULL DEFAULT 'DKK',
    stage          text NOT NULL DEFAULT 'qualified',
    terms          integer NOT NULL DEFAULT 14,
    phone          text,
    street_line    text,
    building_no    text,
    city           text,
    zip            text,
    invoice_email  text,
    reminder_email text,
    changed_at     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE contacts (
    contact_id  serial PRIMARY KEY,
    customer_no text REFERENCES customers,
    full_name   text NOT NULL,
    email       text,
    phone       text,
    job_title   text,
    role        text NOT NULL DEFAULT 'contact',
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE activities (
    activity_id serial PRIMARY KEY,
    customer_no text REFERENCES customers,
    kind        text NOT NULL DEFAULT 'call',
    summary     text NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE SEQUENCE supplier_number START 100;
CREATE TABLE suppliers (
    supplier_no    text PRIMARY KEY DEFAULT 'S' || lpad(nextval('supplier_number')::text, 5, '0'),
    name           text NOT NULL,
    tax_no         text,
    customer_no    text REFERENCES customers,
    needs_document boolean NOT NULL DEFAULT false,
    budget_neutral boolean NOT NULL DEFAULT false,
    changed_at     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE departments (
    department_no text PRIMARY KEY DEFAULT 'D' || floor(random() * 1000000)::text,
    name          text NOT NULL
);
CREATE TABLE cost_centres (
    cost_centre_no text PRIMARY KEY,
    name           text NOT NULL,
    department_no  text REFERENCES departments,
    pool           text NOT NULL DEFAULT 'shared',
    planned_by     text NOT NULL DEFAULT 'month',
    flags          text[] NOT NULL DEFAULT '{}',
    active         boolean NOT NULL DEFAULT true
);
CREATE TABLE budget_years (year integer PRIMARY KEY, first_day date, last_day date);
CREATE TABLE employees (employee_no text PRIMARY KEY, email text NOT NULL);
CREATE TABLE cost_centre_staff (cost_centre_no text NOT NULL, employee_no text NOT NULL, PRIMARY KEY (cost_centre_no, employee_no));
CREATE TABLE cost_centre_projects (cost_centre_no text NOT NULL, project_name text NOT NULL, PRIMARY KEY (cost_centre_no, project_name));
CREATE TABLE cost_centre_contractors (
    cost_centre_no text NOT NULL, contractor_name text NOT NULL, PRIMARY KEY (cost_centre_no, contractor_name));
CREATE TABLE budget_invoices (invoice_no text PRIMARY KEY, budget_key text NOT NULL);
CREATE TABLE bank_postings (
    posting_id    serial PRIMARY KEY,
    account_no    text NOT NULL,
    booked_on     date NOT NULL,
    ordered_on    date NOT NULL,
    operation_no  text,
    booking_text  text NOT NULL,
    amount        numeric(14, 2) NOT NULL,
    balance_after numeric(14, 2) NOT NULL DEFAULT 0,
    supplier_no   text REFERENCES suppliers,
    period        text,
    remark        text,
    changed_at    timestamptz NOT NULL DEFAULT now()
);

-- What makes incremental reading possible: every change moves the stamp.
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON activities FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON suppliers FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON bank_postings FOR EACH ROW EXECUTE FUNCTION touch();

INSERT INTO customers (customer_no, company_name, vat_no, stage, city, invoice_email, reminder_email) VALUES
    ('C00001', 'Havnens Maskinværksted ApS', 'DK19430516', 'qualified', 'Esbjerg', 'faktura@example.com', 'rykker@example.com'),
    ('C00002', 'Zielona Kuźnia Sp. z o.o.', 'PL5213870274', 'qualified', 'Łódź', NULL, NULL),
    ('C00003', 'Norra Snickeriet AB', 'SE556016068001', 'lost', 'Umeå', 'faktura@example.org', NULL),
    ('C00004', 'Endnu Ikke Kunde ApS', 'DK10000442', 'prospect', 'Vejle', NULL, NULL);
INSERT INTO contacts (customer_no, full_name, email, phone, job_title, role) VALUES
    ('C00001', 'Mette Prøve', 'mette@example.com', '+45 555 010 203', 'Bookkeeper', 'contact'),
    ('C00001', 'Jens Eksempel', 'jens@example.com', NULL, 'Owner', 'director'),
    ('C00002', 'Ewa Przykład', 'ewa@example.com', NULL, NULL, 'contact'),
    ('C00004', 'Ida Tidlig', 'ida@example.com', NULL, NULL, 'contact');
INSERT INTO activities (customer_no, kind, summary) VALUES
    ('C00001', 'call', 'Asked for a new offer'),
    ('C00002', 'meeting', 'Renewal agreed until summer'),
    ('C00002', 'draft', 'Not to be shared'),
    ('C00004', 'call', 'First contact');
INSERT INTO suppliers (supplier_no, name, tax_no, customer_no, needs_document) VALUES
    ('S00001', 'Papir og Blæk ApS', '10007919', NULL, true),
    ('S00002', 'Zielona Kuźnia Sp. z o.o.', '5213870274', 'C00002', false),
    ('S00003', 'Endnu Ikke Kunde ApS', '10000442', 'C00004', false);
INSERT INTO departments (department_no, name) VALUES ('D1', 'Sales'), ('D2', 'Production');
INSERT INTO cost_centres (cost_centre_no, name, department_no, pool, planned_by, flags) VALUES
    ('4100', 'Marketing', 'D1', 'shared', 'month', '{spend_alerts,auto-freeze}'),
    ('4200', 'Fairs', 'D1', 'personal', 'quarter', '{}'),
    ('5100', 'Workshop', 'D2', 'shared', 'month', '{spend_alerts}'),
    ('9000', 'Everything else', NULL, 'shared', 'month', '{}');
INSERT INTO budget_years (year) VALUES (2026), (2027);
INSERT INTO employees (employee_no, email) VALUES ('E1', 'ola@example.com'), ('E2', 'sync@flowtly.test');
INSERT INTO cost_centre_staff VALUES ('4200', 'E1'), ('4200', 'E2'), ('5100', 'E1');
INSERT INTO cost_centre_projects VALUES ('4100', 'Web shop');
INSERT INTO cost_centre_contractors VALUES ('5100', 'Subcontractors');
INSERT INTO budget_invoices VALUES
    ('FV/1/2025', '4100:2026'), ('FV/2/2025', '4100:2026'), ('FV/3/2025', '4200:2026'), ('FV/4/2025', '4200:2026');
