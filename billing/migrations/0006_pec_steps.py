from django.db import migrations

from accounts.journal.tables import journaled

STEPS = """
create function billing_agreement_steps() returns trigger language plpgsql as $$
begin
    if old.closed_at is not null then
        raise exception 'closed_agreement_is_immutable: agreement %', old.id using errcode = 'check_violation';
    end if;
    if (new.stay_id, new.coverage_id, new.debtor_id, new.opened_at)
       is distinct from (old.stay_id, old.coverage_id, old.debtor_id, old.opened_at) then
        raise exception 'an_agreement_keeps_whom_it_is_about: agreement %', old.id using errcode = 'check_violation';
    end if;
    if new.state <> old.state and (old.state, new.state) not in (
        ('to_ask', 'requested'), ('to_ask', 'granted'), ('to_ask', 'partly_granted'), ('to_ask', 'refused'),
        ('to_ask', 'tacit'),
        ('requested', 'granted'), ('requested', 'partly_granted'), ('requested', 'refused'), ('requested', 'tacit'),
        ('requested', 'suspended'),
        ('suspended', 'granted'), ('suspended', 'partly_granted'), ('suspended', 'refused'),
        ('granted', 'extended'), ('granted', 'suspended'), ('granted', 'partly_granted'), ('granted', 'refused'),
        ('partly_granted', 'extended'), ('partly_granted', 'suspended'), ('partly_granted', 'granted'),
        ('partly_granted', 'refused'),
        ('extended', 'suspended'), ('extended', 'partly_granted'), ('extended', 'granted'), ('extended', 'refused'),
        ('tacit', 'granted'), ('tacit', 'partly_granted'), ('tacit', 'refused'), ('tacit', 'suspended'),
        ('tacit', 'extended'),
        ('refused', 'requested'), ('refused', 'granted'), ('refused', 'partly_granted')
    ) then
        raise exception 'agreement_step: agreement %, % to %', old.id, old.state, new.state
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger agreement_steps before update on billing_agreement
    for each row execute function billing_agreement_steps();

create function billing_agreement_lines() returns trigger language plpgsql as $$
declare
    of_agreement bigint := case when tg_op = 'DELETE' then old.agreement_id else new.agreement_id end;
begin
    if exists (select 1 from billing_agreement where id = of_agreement and closed_at is not null) then
        raise exception 'closed_agreement_is_immutable: agreement %', of_agreement using errcode = 'check_violation';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger agreement_lines before insert or update or delete on billing_agreementline
    for each row execute function billing_agreement_lines();

create function billing_agreement_history() returns trigger language plpgsql as $$
begin
    raise exception 'agreement_history_is_append_only: step %', old.id using errcode = 'check_violation';
end $$;
create trigger agreement_history before update on billing_agreementstep
    for each row execute function billing_agreement_history();

create or replace function billing_sent_is_immutable() returns trigger language plpgsql as $$
begin
    if old.sent_at is not null
       and (new.number, new.amount, new.payer, new.bill_id, new.debtor_id, new.engagement_id, new.agreement_id)
       is distinct from
           (old.number, old.amount, old.payer, old.bill_id, old.debtor_id, old.engagement_id, old.agreement_id) then
        raise exception 'sent_invoice_is_immutable: invoice %', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
"""

UNDO = """
drop trigger agreement_history on billing_agreementstep;
drop function billing_agreement_history();
drop trigger agreement_lines on billing_agreementline;
drop function billing_agreement_lines();
drop trigger agreement_steps on billing_agreement;
drop function billing_agreement_steps();
create or replace function billing_sent_is_immutable() returns trigger language plpgsql as $$
begin
    if old.sent_at is not null and (new.number, new.amount, new.payer, new.bill_id, new.debtor_id, new.engagement_id)
       is distinct from (old.number, old.amount, old.payer, old.bill_id, old.debtor_id, old.engagement_id) then
        raise exception 'sent_invoice_is_immutable: invoice %', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
"""


class Migration(migrations.Migration):
    """What PostgreSQL holds of a prise en charge: its steps, its history, and that a closed one stays as it is."""

    dependencies = [("accounts", "0003_journal"), ("billing", "0005_pec")]
    operations = [
        migrations.RunSQL(STEPS, UNDO),
        journaled("billing_agreement", stay="stay_id", skipped=("version",)),
        journaled("billing_agreementline"),
    ]
