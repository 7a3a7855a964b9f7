"""Partitions: one owner at most, everybody the same number, nothing without an owner for long."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from jupyter_fn.policy.partitions import PARTITIONS, Share, fair_share, partition_of, quota

names = st.sets(st.sampled_from("abcdefgh"), min_size=1)


def test_the_partition_of_a_name_never_changes():
    assert [partition_of(name) for name in ("daily_delays", "f", "")] == [7, 5, 3]


def test_names_are_spread_over_all_partitions():
    counts = Counter(partition_of(f"function_{n}") for n in range(4000))
    assert set(counts) == set(range(PARTITIONS))
    assert max(counts.values()) < 2 * min(counts.values())


@given(names)
def test_quotas_sum_to_all_partitions_and_differ_by_one_at_most(services):
    quotas = [quota(service, services) for service in services]
    assert sum(quotas) == PARTITIONS
    assert max(quotas) - min(quotas) <= 1


class Services(RuleBasedStateMachine):
    """Services come, beat in any order, and die; a dead one's leases run out."""

    def __init__(self):
        super().__init__()
        self.owners, self.living = {}, set()

    @rule(service=st.sampled_from("abcdefgh"))
    def come(self, service):
        self.living.add(service)

    @precondition(lambda self: len(self.living) > 1)
    @rule(data=st.data())
    def die(self, data):
        gone = data.draw(st.sampled_from(sorted(self.living)))
        self.living.discard(gone)
        self.owners = {partition: owner for partition, owner in self.owners.items() if owner != gone}

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def beat(self, data):
        self._beat(data.draw(st.sampled_from(sorted(self.living))))

    def _beat(self, service):
        share = fair_share(self.owners, self.living, service)
        assert all(self.owners[partition] == service for partition in share.give)
        assert not set(share.take) & set(self.owners)
        self.owners = {p: owner for p, owner in self.owners.items() if p not in share.give}
        self.owners.update(dict.fromkeys(share.take, service))

    @invariant()
    def nobody_leads_more_for_long(self):
        """Two rounds of beats later everything has an owner, and everybody as many as he should."""
        if not self.living:
            return
        before = dict(self.owners)
        for service in sorted(self.living) * 2:
            self._beat(service)
        counts = Counter(self.owners.values())
        assert set(self.owners) == set(range(PARTITIONS))
        assert all(counts[service] == quota(service, self.living) for service in self.living)
        assert all(fair_share(self.owners, self.living, service) == Share() for service in self.living)
        self.owners = before


def test_whatever_services_do_a_partition_has_one_owner_at_most_and_soon_exactly_one():
    run_state_machine_as_test(Services)
