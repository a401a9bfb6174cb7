-- A small ERP database for trying syncd with docker compose: a few customers, some of which the sandbox Flowtly has too.
CREATE DATABASE erp;
\connect erp
CREATE SEQUENCE customer_number START 100;
CREATE TABLE customers (
    customer_no   text PRIMARY KEY DEFAULT 'C' || lpad(nextval('customer_number')::text, 5, '0'),
    company_name  text NOT NULL,
    vat_no        text,
    country_code  text NOT NULL DEFAULT 'DK',
    currency_code text NOT NULL DEFAULT 'DKK',
    stage         text NOT NULL DEFAULT 'qualified',
    terms         integer NOT NULL DEFAULT 14,
    phone         text,
    street_line   text,
    building_no   text,
    city          text,
    zip           text,
    email         text,
    changed_at    timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO customers (customer_no, company_name, vat_no, country_code, currency_code, city) VALUES
    ('C00001', 'Havnens Maskinværksted ApS', 'DK19430516', 'DK', 'DKK', 'Esbjerg'),
    ('C00002', 'Zielona Kuźnia Sp. z o.o.', 'PL5213870274', 'PL', 'PLN', 'Łódź'),
    ('C00003', 'Norra Snickeriet AB', 'SE556016068001', 'SE', 'SEK', 'Umeå');
