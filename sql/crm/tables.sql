-- The canonical model: one table an entity, what the source states now, under the key (source_key, id).
--
-- Values are kept as stated; maps (maps.sql) give them meaning when they are read, so a corrected map corrects every
-- number without touching history. Each entity has a twin `<entity>_history` with the same columns: the sync moves a row
-- there before it changes it (sync.sql), so no state that was ever known is lost. A state is stamped on both axes of time:
-- effective_at, from when it was true, and recorded_at, from when we knew.

CREATE TABLE salesops.account (
  source_key        text NOT NULL,
  id                text NOT NULL,
  name              text,
  parent_id         text,
  owner_id          text,
  industry          text,
  segment           text,
  account_type      text,
  employees         numeric,
  annual_revenue    numeric,
  currency          text,
  website           text,
  phone             text,
  street            text,
  city              text,
  state             text,
  postal_code       text,
  country           text,
  latitude          numeric,
  longitude         numeric,
  website_visits    numeric,
  content_downloads numeric,
  intent_score      numeric,
  merged_into       text,
  created_at        timestamptz,
  last_activity_at  timestamptz,
  custom            jsonb,
  unreadable        jsonb,
  is_deleted        boolean NOT NULL,
  effective_at      timestamptz NOT NULL,
  recorded_at       timestamptz NOT NULL,
  origin            text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.account IS 'Companies sold to, as the source states them now';
COMMENT ON COLUMN salesops.account.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.account.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.account.name IS 'Name as stated';
COMMENT ON COLUMN salesops.account.parent_id IS 'Parent account';
COMMENT ON COLUMN salesops.account.owner_id IS 'Rep who owns the account';
COMMENT ON COLUMN salesops.account.industry IS 'Industry as stated; value_map gives the company''s own name for it';
COMMENT ON COLUMN salesops.account.segment IS 'Segment as stated (enterprise, mid-market, ...)';
COMMENT ON COLUMN salesops.account.account_type IS 'Customer, prospect, partner ... as stated';
COMMENT ON COLUMN salesops.account.employees IS 'Number of employees';
COMMENT ON COLUMN salesops.account.annual_revenue IS 'Annual revenue in `currency`';
COMMENT ON COLUMN salesops.account.currency IS 'ISO code of annual_revenue';
COMMENT ON COLUMN salesops.account.website IS 'Website or domain';
COMMENT ON COLUMN salesops.account.phone IS 'Phone as stated';
COMMENT ON COLUMN salesops.account.street IS 'Street address';
COMMENT ON COLUMN salesops.account.city IS 'City';
COMMENT ON COLUMN salesops.account.state IS 'State or province';
COMMENT ON COLUMN salesops.account.postal_code IS 'Postal code';
COMMENT ON COLUMN salesops.account.country IS 'Country as stated';
COMMENT ON COLUMN salesops.account.latitude IS 'Latitude in degrees';
COMMENT ON COLUMN salesops.account.longitude IS 'Longitude in degrees';
COMMENT ON COLUMN salesops.account.website_visits IS 'Website visits counted by the source';
COMMENT ON COLUMN salesops.account.content_downloads IS 'Content downloads counted by the source';
COMMENT ON COLUMN salesops.account.intent_score IS 'Intent score of the source, 0-100';
COMMENT ON COLUMN salesops.account.merged_into IS 'Account that this one was merged into; not NULL = no longer an account of its own';
COMMENT ON COLUMN salesops.account.created_at IS 'When the source created the record';
COMMENT ON COLUMN salesops.account.last_activity_at IS 'Last activity as the source states it';
COMMENT ON COLUMN salesops.account.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.account.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.account.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.account.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.account.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.account.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.rep (
  source_key    text NOT NULL,
  id            text NOT NULL,
  name          text,
  email         text,
  manager_id    text,
  team          text,
  region        text,
  role          text,
  title         text,
  is_active     boolean,
  hired_on      date,
  left_on       date,
  last_login_at timestamptz,
  custom        jsonb,
  unreadable    jsonb,
  is_deleted    boolean NOT NULL,
  effective_at  timestamptz NOT NULL,
  recorded_at   timestamptz NOT NULL,
  origin        text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.rep IS 'People who own accounts, opportunities and quotas; manager_id makes the tree, and its versions make the tree of any instant';
COMMENT ON COLUMN salesops.rep.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.rep.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.rep.name IS 'Name as stated';
COMMENT ON COLUMN salesops.rep.email IS 'E-mail address';
COMMENT ON COLUMN salesops.rep.manager_id IS 'Manager: another rep, or a name the source has no row for';
COMMENT ON COLUMN salesops.rep.team IS 'Team as stated';
COMMENT ON COLUMN salesops.rep.region IS 'Region or office as stated';
COMMENT ON COLUMN salesops.rep.role IS 'Role as stated';
COMMENT ON COLUMN salesops.rep.title IS 'Job title';
COMMENT ON COLUMN salesops.rep.is_active IS 'Whether the person may own deals now; NULL = the source does not say';
COMMENT ON COLUMN salesops.rep.hired_on IS 'First working day';
COMMENT ON COLUMN salesops.rep.left_on IS 'Last working day';
COMMENT ON COLUMN salesops.rep.last_login_at IS 'Last login to the CRM';
COMMENT ON COLUMN salesops.rep.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.rep.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.rep.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.rep.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.rep.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.rep.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.product (
  source_key   text NOT NULL,
  id           text NOT NULL,
  name         text,
  family       text,
  list_price   numeric,
  currency     text,
  is_active    boolean,
  custom       jsonb,
  unreadable   jsonb,
  is_deleted   boolean NOT NULL,
  effective_at timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL,
  origin       text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.product IS 'Products with their list price';
COMMENT ON COLUMN salesops.product.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.product.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.product.name IS 'Name as stated';
COMMENT ON COLUMN salesops.product.family IS 'Family or series';
COMMENT ON COLUMN salesops.product.list_price IS 'List price of one unit in `currency`';
COMMENT ON COLUMN salesops.product.currency IS 'ISO code of list_price; NULL = the source''s currency';
COMMENT ON COLUMN salesops.product.is_active IS 'Whether it is sold now';
COMMENT ON COLUMN salesops.product.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.product.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.product.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.product.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.product.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.product.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.opportunity (
  source_key        text NOT NULL,
  id                text NOT NULL,
  name              text,
  account_id        text,
  owner_id          text,
  pipeline          text,
  stage             text,
  stage_at_loss     text,
  forecast_category text,
  deal_type         text,
  lead_source       text,
  loss_reason       text,
  product           text,
  quantity          numeric,
  amount            numeric,
  list_amount       numeric,
  discount          numeric,
  margin            numeric,
  acv               numeric,
  arr               numeric,
  tcv               numeric,
  currency          text,
  probability       numeric,
  is_closed         boolean,
  is_won            boolean,
  close_date        date,
  created_at        timestamptz,
  next_step         text,
  last_activity_at  timestamptz,
  merged_into       text,
  stage_entered_at  timestamptz,
  confirmed_at      timestamptz,
  custom            jsonb,
  unreadable        jsonb,
  is_deleted        boolean NOT NULL,
  effective_at      timestamptz NOT NULL,
  recorded_at       timestamptz NOT NULL,
  origin            text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.opportunity IS 'Deals, as the source states them now; every earlier state is in opportunity_history';
COMMENT ON COLUMN salesops.opportunity.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.opportunity.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.opportunity.name IS 'Name as stated';
COMMENT ON COLUMN salesops.opportunity.account_id IS 'Account the deal is with';
COMMENT ON COLUMN salesops.opportunity.owner_id IS 'Rep who owns the deal';
COMMENT ON COLUMN salesops.opportunity.pipeline IS 'Pipeline or record type the stage belongs to';
COMMENT ON COLUMN salesops.opportunity.stage IS 'Stage as stated (label or id); stage_map gives its meaning';
COMMENT ON COLUMN salesops.opportunity.stage_at_loss IS 'Stage in which the deal was lost';
COMMENT ON COLUMN salesops.opportunity.forecast_category IS 'Forecast category as stated; category_map gives its meaning';
COMMENT ON COLUMN salesops.opportunity.deal_type IS 'New, expansion or renewal, as stated';
COMMENT ON COLUMN salesops.opportunity.lead_source IS 'Lead source as stated';
COMMENT ON COLUMN salesops.opportunity.loss_reason IS 'Why it was lost, as stated';
COMMENT ON COLUMN salesops.opportunity.product IS 'Main product as stated (id or name); value_map gives the product';
COMMENT ON COLUMN salesops.opportunity.quantity IS 'Units of the main product';
COMMENT ON COLUMN salesops.opportunity.amount IS 'Amount in `currency`; NULL = not stated';
COMMENT ON COLUMN salesops.opportunity.list_amount IS 'Amount at list price in `currency`';
COMMENT ON COLUMN salesops.opportunity.discount IS 'Discount as a share of list, 0-1';
COMMENT ON COLUMN salesops.opportunity.margin IS 'Margin as a share of amount, 0-1';
COMMENT ON COLUMN salesops.opportunity.acv IS 'Annual contract value in `currency`';
COMMENT ON COLUMN salesops.opportunity.arr IS 'Annual recurring revenue in `currency`';
COMMENT ON COLUMN salesops.opportunity.tcv IS 'Total contract value in `currency`';
COMMENT ON COLUMN salesops.opportunity.currency IS 'ISO code of the amounts; NULL = the source''s currency';
COMMENT ON COLUMN salesops.opportunity.probability IS 'Probability to win as stated, on the source''s own scale (percent or fraction)';
COMMENT ON COLUMN salesops.opportunity.is_closed IS 'Closed, as the source states it; NULL = it does not say and the stage decides';
COMMENT ON COLUMN salesops.opportunity.is_won IS 'Won, as the source states it; NULL = it does not say and the stage decides';
COMMENT ON COLUMN salesops.opportunity.close_date IS 'Expected or actual close date, as a calendar date that no time zone moves';
COMMENT ON COLUMN salesops.opportunity.created_at IS 'When the deal started; NULL = unknown';
COMMENT ON COLUMN salesops.opportunity.next_step IS 'Next step as written by the rep';
COMMENT ON COLUMN salesops.opportunity.last_activity_at IS 'Last activity as the source states it; the activity table may know a later one';
COMMENT ON COLUMN salesops.opportunity.merged_into IS 'Deal that this one was merged into; not NULL = no longer a deal of its own';
COMMENT ON COLUMN salesops.opportunity.stage_entered_at IS 'When the present stage was entered, as far as known (age in stage counts from here)';
COMMENT ON COLUMN salesops.opportunity.confirmed_at IS 'Last change of stage, amount, close date or next step, as far as known';
COMMENT ON COLUMN salesops.opportunity.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.opportunity.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.opportunity.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.opportunity.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.opportunity.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.opportunity.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.opportunity_split (
  source_key     text NOT NULL,
  id             text NOT NULL,
  opportunity_id text,
  rep_id         text,
  split_type     text,
  share          numeric,
  amount         numeric,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.opportunity_split IS 'Who is credited for a deal, revenue splits and overlays';
COMMENT ON COLUMN salesops.opportunity_split.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.opportunity_split.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.opportunity_split.opportunity_id IS 'Deal';
COMMENT ON COLUMN salesops.opportunity_split.rep_id IS 'Rep credited';
COMMENT ON COLUMN salesops.opportunity_split.split_type IS 'Revenue or overlay, as stated';
COMMENT ON COLUMN salesops.opportunity_split.share IS 'Share of the deal, 0-1';
COMMENT ON COLUMN salesops.opportunity_split.amount IS 'Amount credited';
COMMENT ON COLUMN salesops.opportunity_split.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.opportunity_split.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.opportunity_split.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.opportunity_split.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.opportunity_split.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.opportunity_split.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.contact_role (
  source_key     text NOT NULL,
  id             text NOT NULL,
  opportunity_id text,
  contact_id     text,
  role           text,
  is_primary     boolean,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.contact_role IS 'People on the buyer''s side of a deal';
COMMENT ON COLUMN salesops.contact_role.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.contact_role.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.contact_role.opportunity_id IS 'Deal';
COMMENT ON COLUMN salesops.contact_role.contact_id IS 'Contact';
COMMENT ON COLUMN salesops.contact_role.role IS 'Role as stated, for instance Economic Buyer';
COMMENT ON COLUMN salesops.contact_role.is_primary IS 'Primary contact';
COMMENT ON COLUMN salesops.contact_role.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.contact_role.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.contact_role.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.contact_role.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.contact_role.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.contact_role.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.activity (
  source_key     text NOT NULL,
  id             text NOT NULL,
  kind           text,
  opportunity_id text,
  account_id     text,
  contact_id     text,
  rep_id         text,
  subject        text,
  happened_at    timestamptz,
  is_done        boolean,
  minutes        numeric,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.activity IS 'Calls, meetings, proposals, e-mails and notes';
COMMENT ON COLUMN salesops.activity.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.activity.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.activity.kind IS 'call, meeting, proposal, email, note or what the source says';
COMMENT ON COLUMN salesops.activity.opportunity_id IS 'Deal, if it is about one';
COMMENT ON COLUMN salesops.activity.account_id IS 'Account';
COMMENT ON COLUMN salesops.activity.contact_id IS 'Contact or lead';
COMMENT ON COLUMN salesops.activity.rep_id IS 'Rep who did it';
COMMENT ON COLUMN salesops.activity.subject IS 'Subject';
COMMENT ON COLUMN salesops.activity.happened_at IS 'When it took or takes place';
COMMENT ON COLUMN salesops.activity.is_done IS 'Done; NULL = the source does not say';
COMMENT ON COLUMN salesops.activity.minutes IS 'Duration in minutes';
COMMENT ON COLUMN salesops.activity.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.activity.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.activity.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.activity.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.activity.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.activity.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.login (
  source_key   text NOT NULL,
  id           text NOT NULL,
  rep_id       text,
  logged_in_at timestamptz,
  custom       jsonb,
  unreadable   jsonb,
  is_deleted   boolean NOT NULL,
  effective_at timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL,
  origin       text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.login IS 'Logins to the CRM';
COMMENT ON COLUMN salesops.login.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.login.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.login.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.login.logged_in_at IS 'When';
COMMENT ON COLUMN salesops.login.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.login.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.login.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.login.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.login.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.login.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.lead (
  source_key     text NOT NULL,
  id             text NOT NULL,
  name           text,
  company        text,
  owner_id       text,
  status         text,
  lead_source    text,
  industry       text,
  employees      numeric,
  annual_revenue numeric,
  created_at     timestamptz,
  is_converted   boolean,
  converted_at   timestamptz,
  account_id     text,
  opportunity_id text,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.lead IS 'Leads';
COMMENT ON COLUMN salesops.lead.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.lead.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.lead.name IS 'Name as stated';
COMMENT ON COLUMN salesops.lead.company IS 'Company as stated';
COMMENT ON COLUMN salesops.lead.owner_id IS 'Rep who owns it';
COMMENT ON COLUMN salesops.lead.status IS 'Status as stated';
COMMENT ON COLUMN salesops.lead.lead_source IS 'Lead source as stated';
COMMENT ON COLUMN salesops.lead.industry IS 'Industry as stated';
COMMENT ON COLUMN salesops.lead.employees IS 'Number of employees';
COMMENT ON COLUMN salesops.lead.annual_revenue IS 'Annual revenue';
COMMENT ON COLUMN salesops.lead.created_at IS 'When the source created it';
COMMENT ON COLUMN salesops.lead.is_converted IS 'Converted';
COMMENT ON COLUMN salesops.lead.converted_at IS 'When it was converted';
COMMENT ON COLUMN salesops.lead.account_id IS 'Account it became';
COMMENT ON COLUMN salesops.lead.opportunity_id IS 'Deal it became';
COMMENT ON COLUMN salesops.lead.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.lead.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.lead.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.lead.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.lead.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.lead.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.quota (
  source_key   text NOT NULL,
  id           text NOT NULL,
  rep_id       text,
  period       salesops.fiscal_period,
  amount       numeric,
  currency     text,
  measure      text,
  custom       jsonb,
  unreadable   jsonb,
  is_deleted   boolean NOT NULL,
  effective_at timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL,
  origin       text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.quota IS 'Quotas of reps by fiscal period';
COMMENT ON COLUMN salesops.quota.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.quota.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.quota.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.quota.period IS 'Fiscal period the quota is for';
COMMENT ON COLUMN salesops.quota.amount IS 'Quota in `currency`; NULL = no quota set, which is not 0';
COMMENT ON COLUMN salesops.quota.currency IS 'ISO code; NULL = the source''s currency';
COMMENT ON COLUMN salesops.quota.measure IS 'What it counts: amount, ACV, ARR ... NULL = amount';
COMMENT ON COLUMN salesops.quota.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.quota.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.quota.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.quota.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.quota.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.quota.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.currency_rate (
  source_key    text NOT NULL,
  id            text NOT NULL,
  currency      text,
  valid_from    date,
  per_corporate numeric,
  custom        jsonb,
  unreadable    jsonb,
  is_deleted    boolean NOT NULL,
  effective_at  timestamptz NOT NULL,
  recorded_at   timestamptz NOT NULL,
  origin        text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.currency_rate IS 'Dated exchange rates';
COMMENT ON COLUMN salesops.currency_rate.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.currency_rate.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.currency_rate.currency IS 'ISO code';
COMMENT ON COLUMN salesops.currency_rate.valid_from IS 'First day the rate holds';
COMMENT ON COLUMN salesops.currency_rate.per_corporate IS 'Units of the currency for one unit of the corporate currency';
COMMENT ON COLUMN salesops.currency_rate.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.currency_rate.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.currency_rate.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.currency_rate.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.currency_rate.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.currency_rate.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

-- Earlier states, the same columns; newest first for as-of look-ups.
CREATE TABLE salesops.account_history (LIKE salesops.account INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX account_history_as_of ON salesops.account_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.account_history IS 'Earlier states of account, one row a state';

CREATE TABLE salesops.rep_history (LIKE salesops.rep INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX rep_history_as_of ON salesops.rep_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.rep_history IS 'Earlier states of rep, one row a state';

CREATE TABLE salesops.product_history (LIKE salesops.product INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX product_history_as_of ON salesops.product_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.product_history IS 'Earlier states of product, one row a state';

CREATE TABLE salesops.opportunity_history (LIKE salesops.opportunity INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX opportunity_history_as_of ON salesops.opportunity_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.opportunity_history IS 'Earlier states of opportunity, one row a state';

CREATE TABLE salesops.opportunity_split_history (LIKE salesops.opportunity_split INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX opportunity_split_history_as_of ON salesops.opportunity_split_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.opportunity_split_history IS 'Earlier states of opportunity_split, one row a state';

CREATE TABLE salesops.contact_role_history (LIKE salesops.contact_role INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX contact_role_history_as_of ON salesops.contact_role_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.contact_role_history IS 'Earlier states of contact_role, one row a state';

CREATE TABLE salesops.activity_history (LIKE salesops.activity INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX activity_history_as_of ON salesops.activity_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.activity_history IS 'Earlier states of activity, one row a state';

CREATE TABLE salesops.login_history (LIKE salesops.login INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX login_history_as_of ON salesops.login_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.login_history IS 'Earlier states of login, one row a state';

CREATE TABLE salesops.lead_history (LIKE salesops.lead INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX lead_history_as_of ON salesops.lead_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.lead_history IS 'Earlier states of lead, one row a state';

CREATE TABLE salesops.quota_history (LIKE salesops.quota INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX quota_history_as_of ON salesops.quota_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.quota_history IS 'Earlier states of quota, one row a state';

CREATE TABLE salesops.currency_rate_history (LIKE salesops.currency_rate INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX currency_rate_history_as_of ON salesops.currency_rate_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.currency_rate_history IS 'Earlier states of currency_rate, one row a state';

-- Which present states are too new for an instant: none, when it is now, and then nothing is read to learn so.
CREATE INDEX opportunity_effective_at ON salesops.opportunity (effective_at);
CREATE INDEX opportunity_recorded_at ON salesops.opportunity (recorded_at);

-- What the audit looks up once an open deal: by the column that tells rows apart first, compared byte by byte, which no
-- key needs more than, and answered from the index alone.
CREATE INDEX contact_role_opportunity ON salesops.contact_role (opportunity_id COLLATE "C", source_key COLLATE "C") INCLUDE (role)
  WHERE NOT is_deleted;
CREATE INDEX activity_opportunity ON salesops.activity (opportunity_id COLLATE "C", source_key COLLATE "C", happened_at)
  WHERE NOT is_deleted;
-- ... and what a forecast looks up of activities that were other at the instant it is asked for.
CREATE INDEX activity_history_opportunity ON salesops.activity_history (opportunity_id COLLATE "C", source_key COLLATE "C", happened_at)
  WHERE NOT is_deleted;
CREATE INDEX currency_rate_look_up ON salesops.currency_rate (source_key, currency, valid_from DESC, id);

-- Member tables lose their rows in a dump unless they are named here.
SELECT pg_catalog.pg_extension_config_dump('salesops.account', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.account_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.rep', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.rep_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.product', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.product_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity_split', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity_split_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.contact_role', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.contact_role_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.activity', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.activity_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.login', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.login_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.lead', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.lead_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.quota', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.quota_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.currency_rate', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.currency_rate_history', '');
