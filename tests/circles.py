"""Circles: an owner with a second factor, trusted contacts, and what each of them can do, on a world of either kind."""

from datetime import timedelta

from attrs import evolve

from acctsec import CHEAPEST, FactorRequired, FreshSession, MessagePurpose, ResetLink, ResumeTicket
from acctsec._codec import decode_record
from acctsec.keyring import frame
from acctsec.outcomes import ContactNamed, ContactsAsked, ProofRequired
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "a wholly new phrase 77"
SETTLED = timedelta(days=7)
PEOPLE = ("u2", "u3", "u4", "u5", "u6")


def needing(number, policy=CHEAPEST):
    """A policy under which so many contacts have to agree."""
    return evolve(policy, recovery=evolve(policy.recovery, contacts_needed=number))


class Circle:
    """Alice, who lost her phone, and her friends."""

    def __init__(self, w, friends=PEOPLE[:3], *, settled=True):
        self.w, self.friends, self.sessions = w, friends, {}
        w.sign_up()
        for one in PEOPLE:
            w.sign_up(one, mail(one))
        self.app, self.session = w.enroll(w.sign_in().session)
        for one in friends:
            assert isinstance(self.name(one), ContactNamed)
        w.deliver()
        if friends and settled:
            w.clock.advance(SETTLED)

    # --- the owner ---

    def name(self, one):
        return self.w.calls.name_contact(self.session, one, context=self.w.context())

    def remove(self, one):
        return self.w.calls.remove_contact(self.session, one, context=self.w.context())

    def sign_in(self, password=PASSWORD):
        """Sign in anew with password and authenticator, for a session that is fresh."""
        ticket = self.w.calls.sign_in(IDENTIFIER, password, context=self.w.context()).ticket
        found = self.w.calls.verify_factor(ticket, self.app.code(self.w.clock()), context=self.w.context())
        self.w.clock.advance(seconds=30)
        self.session = found.session
        return found

    def ticket(self):
        """The ticket of who reads Alice's mail and has nothing else."""
        found = self.by_mail()
        assert isinstance(found, FactorRequired | ProofRequired), found
        return found.ticket

    def by_mail(self):
        """What is answered to who asked for a reset and opens the newest link."""
        return self.w.calls.redeem_reset(ResetLink(self.w.reset_link()), NEW, context=self.w.context())

    def ask(self, ticket=None):
        """Have all contacts asked, and their mail delivered."""
        asked = self.w.calls.ask_contacts(ticket or self.ticket(), context=self.w.context())
        assert isinstance(asked, ContactsAsked), asked
        self.w.deliver()
        return asked

    def redeem(self, asked):
        return self.w.calls.redeem_reset(ResumeTicket(asked.ticket), NEW, context=self.w.context())

    def remove_factors(self, asked):
        return self.w.calls.remove_lost_factors(ResumeTicket(asked.ticket), context=self.w.context())

    # --- a contact ---

    def shares(self, one):
        """The shares a contact was ever mailed."""
        return [mail.link for mail in self.w.messenger.of(MessagePurpose.CONTACT_SHARE, subject=one)]

    def fresh(self, one):
        """A fresh session of a contact."""
        kept = self.sessions.get(one)
        if kept is None or self.w.clock() - kept[0] > timedelta(minutes=10):
            kept = self.sessions[one] = (self.w.clock(), self.w.sign_in(mail(one)).session)
        return FreshSession(kept[1])

    def vouch(self, one, share=None, *, by=None):
        return self.w.calls.vouch(share or self.shares(one)[-1], by=by or self.fresh(one), context=self.w.context())

    # --- what there is ---

    @property
    def record(self):
        return self.record_of("u1")

    def record_of(self, one):
        store = getattr(self.w.store, "store", self.w.store)
        return decode_record(store.load(frame("subject", "", one))[0])


def mail(one):
    return f"{one}@example.org"
