from django.db import migrations

SUMS = """
create function billing_check_sums() returns trigger language plpgsql as $$
declare
    wrong record;
    of_bill bigint := to_jsonb(new) ->> case when tg_table_name = 'billing_bill' then 'id' else 'bill_id' end;
begin
    -- The live invoices of a current bill are its shares, payer by payer: AMO + AMC + patient = total.
    select bill.id, owed.payer, owed.share, coalesce(sum(invoice.amount), 0) as invoiced
      into wrong
      from billing_bill bill
      cross join lateral (values ('AMO', bill.amo_share), ('AMC', bill.amc_share), ('PATIENT', bill.patient_share))
            as owed (payer, share)
      left join billing_invoice invoice
             on invoice.bill_id = bill.id and invoice.payer = owed.payer
            and invoice.status in ('ready', 'sent', 'acknowledged', 'rejected', 'partly_paid', 'paid')
     where bill.id = of_bill and bill.status = 'current'
     group by bill.id, owed.payer, owed.share
    having coalesce(sum(invoice.amount), 0) <> owed.share
     limit 1;
    if found then
        raise exception 'invoices_are_the_shares: bill %, payer %, share %, invoiced %',
            wrong.id, wrong.payer, wrong.share, wrong.invoiced using errcode = 'check_violation';
    end if;
    return null;
end $$;

create function billing_check_lines() returns trigger language plpgsql as $$
declare
    of_invoice bigint := to_jsonb(new) ->> case when tg_table_name = 'billing_invoice' then 'id' else 'invoice_id' end;
begin
    if exists (
        select 1 from billing_invoice invoice
         where invoice.id = of_invoice
           and invoice.amount <> (select coalesce(sum(line.amount), 0) from billing_invoiceline line
                                   where line.invoice_id = invoice.id)
    ) then
        raise exception 'lines_are_the_invoice: invoice %', of_invoice using errcode = 'check_violation';
    end if;
    return null;
end $$;

create constraint trigger bill_is_invoiced after insert or update on billing_bill
    deferrable initially deferred for each row execute function billing_check_sums();
create constraint trigger invoice_is_a_share after insert or update of amount, status, bill_id, payer on billing_invoice
    deferrable initially deferred for each row execute function billing_check_sums();
create constraint trigger invoice_is_its_lines after insert or update of amount on billing_invoice
    deferrable initially deferred for each row execute function billing_check_lines();
create constraint trigger line_is_in_the_sum after insert or update on billing_invoiceline
    deferrable initially deferred for each row execute function billing_check_lines();

create function billing_sent_is_immutable() returns trigger language plpgsql as $$
begin
    if old.sent_at is not null and (new.number, new.amount, new.payer, new.bill_id, new.debtor_id, new.engagement_id)
       is distinct from (old.number, old.amount, old.payer, old.bill_id, old.debtor_id, old.engagement_id) then
        raise exception 'sent_invoice_is_immutable: invoice %', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger sent_invoice_is_immutable before update on billing_invoice
    for each row execute function billing_sent_is_immutable();
"""

UNDO = """
drop trigger sent_invoice_is_immutable on billing_invoice;
drop trigger line_is_in_the_sum on billing_invoiceline;
drop trigger invoice_is_its_lines on billing_invoice;
drop trigger invoice_is_a_share on billing_invoice;
drop trigger bill_is_invoiced on billing_bill;
drop function billing_sent_is_immutable();
drop function billing_check_lines();
drop function billing_check_sums();
"""


class Migration(migrations.Migration):
    """What PostgreSQL itself guarantees of money: sums at the end of each transaction, sent invoices unchanged."""

    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunSQL(SUMS, UNDO)]
