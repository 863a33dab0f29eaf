"""The mistakes, each with the quickest tests that are enough to notice it.

The first five are those that a purchase must never make (``CORE``); each of them also runs within ``./deploy/test``.
"""

from tests.mutations.mutation import Change, Mutation

_PURCHASE = "tests/activities/test_purchase.py"
_GUARDS = "tests/activities/test_purchase_guards.py::test_with_its_guard_a_bad_day_sells_once"
_TABLE = "tests/domain/test_purchase.py"
_RULINGS = "tests/activities/test_rulings.py"
_RULING_TABLE = "tests/domain/test_ruling.py"
_RECONCILE = "tests/activities/test_reconcile_first.py"
_REFUND = "tests/activities/test_refund.py"

_NO_LOOK_UP = Mutation(
    "no-look-up",
    "nobody asks the seller for our reference before the request is sent",
    (
        Change(
            "domain/purchase.py",
            "    if seen is Sight.NOT_LOOKED:\n",
            "    if seen is Sight.NOT_LOOKED and act.state is not ActState.RESERVED:\n",
        ),
    ),
    (f"{_GUARDS}[look_up-inventory_that_never_heard_of_its_sale-sqlite]", f"{_TABLE}::test_table"),
)

_POST_ON_RE_ENTRY = Mutation(
    "post-on-re-entry",
    "who finds the row in sending, and the seller shows nothing yet, posts again",
    (Change("domain/purchase.py", "        Step.WAIT,\n", "        Step.SEND,\n"),),
    (
        f"{_GUARDS}[who_finds_sending_never_posts-sale_that_shows_up_late-sqlite]",
        f"{_TABLE}::test_only_a_reserved_row_that_the_seller_does_not_know_is_sent",
    ),
)

_FRESH_ORDER_ID = Mutation(
    "fresh-order-id",
    "each attempt makes a reference of its own for the seller, which no later attempt can look for",
    (
        Change(
            "activities/purchase.py",
            "        order_id=given.run.order_id,\n        product=given.product,\n",
            '        order_id=ids.order_id(given.run.order_id, "attempt", str(activity.info().attempt)),\n'
            "        product=given.product,\n",
        ),
    ),
    (
        f"{_PURCHASE}::test_a_crash_after_the_sale_sells_once_in_every_mode[accept]",
        f"{_PURCHASE}::test_the_seller_is_told_the_order_s_own_id_by_every_attempt",
    ),
)

_ADOPT_WITHOUT_OUR_ID = Mutation(
    "adopt-without-our-id",
    "a listed order of equal product and names is adopted although it does not carry our reference",
    (
        Change(
            "domain/purchase.py",
            "    return next((order for order in listed if order.custom_order_id == placement.order_id), None)\n",
            '    return next((order for order in listed if order.custom_order_id in ("", placement.order_id)), None)\n',
        ),
        Change(
            "domain/purchase.py",
            "    same_id = found.custom_order_id == placement.order_id\n",
            '    same_id = found.custom_order_id in ("", placement.order_id)\n',
        ),
    ),
    (
        f"{_PURCHASE}::test_a_list_match_without_our_id_is_named_and_never_adopted",
        f"{_TABLE}::test_only_what_is_positively_ours_is_ours",
    ),
)

_SEND_BEFORE_COMMIT = Mutation(
    "send-before-commit",
    "the request leaves before the intention to send it is committed",
    (
        Change(
            "activities/purchase.py",
            "        act = await self._sending.begin(",
            "        begin = lambda: self._sending.begin(",
        ),
        Change(
            "activities/purchase.py",
            "        assert act.send_deadline is not None\n"
            "        gate = _WatchedGate(self._clock.send_gate(act.send_deadline))\n",
            "        deadline = await self._clock.now() + timedelta(seconds=purchase.SEND_SECONDS)\n"
            "        gate = _WatchedGate(self._clock.send_gate(deadline))\n",
        ),
        Change(
            "activities/purchase.py",
            "            found = await seller.place(placement, gate)\n",
            "            found = await seller.place(placement, gate)\n            act = await begin()\n",
        ),
    ),
    (
        f"{_PURCHASE}::test_the_intention_is_committed_before_anything_is_sent",
        f"{_GUARDS}[compare_and_set-two_attempts_at_once-sqlite]",
    ),
)

CORE = (_NO_LOOK_UP, _POST_ON_RE_ENTRY, _FRESH_ORDER_ID, _ADOPT_WITHOUT_OUR_ID, _SEND_BEFORE_COMMIT)

_FURTHER = (
    Mutation(
        "no-fence",
        "an act is changed although another attempt has changed it since it was seen",
        (
            Change(
                "activities/adapters/inventory/acts.py",
                "ActRow.state == state.value, ActRow.fence == fence)",
                "ActRow.state == state.value)",
            ),
        ),
        (f"{_GUARDS}[fence-frozen_attempt_wakes_beside_a_sale_that_does_not_show_yet-sqlite]",),
    ),
    Mutation(
        "last-writer-wins",
        "an act is changed whatever it is by now",
        (
            Change(
                "activities/adapters/inventory/acts.py",
                ".where(ActRow.act_id == act_id, ActRow.state == state.value, ActRow.fence == fence)",
                ".where(ActRow.act_id == act_id)",
            ),
            # The second look at what was committed is there for an exchanged file, and may see this as well.
            Change("activities/sending.py", "            await self._require_commit(act)\n", ""),
        ),
        (f"{_GUARDS}[compare_and_set-two_attempts_at_once-sqlite]",),
    ),
    Mutation(
        "no-open-fingerprint",
        "a reservation does not take the key that two equal orders share",
        (
            Change(
                "activities/adapters/inventory/acts.py",
                "        order.open_fingerprint = fingerprint\n",
                "        order.open_fingerprint = None\n",
            ),
        ),
        (f"{_GUARDS}[open_fingerprint-equal_orders_of_two_runs-sqlite]",),
    ),
    Mutation(
        "any-end-frees-the-key",
        "an order whose purchase is unknown or given up frees the key that it shares with equal orders",
        (
            Change(
                "activities/adapters/inventory/acts.py",
                "    if act.state == ActState.REJECTED:\n",
                "    if act.state in (ActState.REJECTED, ActState.ABANDONED, ActState.IN_DOUBT):\n",
            ),
        ),
        ("tests/adapters/test_inventory_later_acts.py::test_an_abandoned_purchase_counts_as_spent",),
    ),
    Mutation(
        "gate-not-asked",
        "the request leaves although its time is over",
        (Change("activities/purchase.py", "        return self._gate.may_send()\n", "        return True\n"),),
        (
            f"{_GUARDS}[deadline-frozen_attempt_wakes_after_the_order_was_bought-sqlite]",
            f"{_PURCHASE}::test_a_clock_that_jumps_shuts_the_gate",
        ),
    ),
    Mutation(
        "body-past-a-shut-gate",
        "the client sends the body without asking the gate",
        (
            Change(
                "activities/adapters/http.py",
                "        if self._gate is not None and not self._gate.may_send():\n",
                "        if self._gate is not None and self._gate.may_send() is None:\n",
            ),
        ),
        ("tests/adapters/test_http.py::test_shut_gate_lets_no_byte_of_the_body_out",),
    ),
    Mutation(
        "doubt-before-the-window",
        "a lost answer ends in doubt before the seller had its time to show the sale",
        (
            Change(
                "domain/purchase.py",
                "    over_at = act.send_deadline + window\n    if act.state is ActState.IN_DOUBT:\n",
                "    over_at = act.send_deadline\n    if act.state is ActState.IN_DOUBT:\n",
            ),
        ),
        (f"{_PURCHASE}::test_a_sale_that_shows_up_after_forty_minutes_is_adopted",),
    ),
    Mutation(
        "live-window-as-set",
        "a live seller gets no more time to show a sale than somebody has set",
        (
            Change(
                "domain/inventory.py",
                "        return max(window, LEAST_LIVE_WINDOW) if self.environment is Environment.LIVE else window\n",
                "        return window\n",
            ),
        ),
        (f"{_PURCHASE}::test_a_live_seller_gets_a_quarter_of_an_hour_whatever_is_set",),
    ),
    Mutation(
        "lost-is-not-sent",
        "a lost answer counts as a request that never left",
        (
            Change(
                "activities/purchase.py",
                "        except Ambiguous as error:\n",
                "        except Ambiguous as error:\n"
                '            await self._acts.change(act, ActState.RESERVED, "purchase.not-sent")\n',
            ),
        ),
        (f"{_GUARDS}[visibility_window-sale_that_shows_up_late-sqlite]",),
    ),
    Mutation(
        "cut-off-is-not-sent",
        "a request that is cut off after the gate was asked counts as one that never left",
        (Change("activities/purchase.py", "            if not gate.was_asked:\n", "            if True:\n"),),
        (f"{_PURCHASE}::test_a_shutdown_before_the_first_byte_leaves_nothing_in_doubt",),
    ),
    Mutation(
        "no-list",
        "after a lost answer the seller's list is not looked at",
        (
            Change(
                "activities/seller_calls.py",
                "            if found is not None or not await self._may_have_been_sent(run.account, act):\n",
                "            if found is not None or act.state is not None:\n",
            ),
        ),
        (f"{_PURCHASE}::test_what_the_list_shows_under_our_id_is_adopted",),
    ),
    Mutation(
        "unknown-answer-is-nothing",
        "an answer of a shape that nobody knows counts as *no such order*",
        (
            Change(
                "activities/seller_calls.py",
                '            if error.code == "seller-answer-changed":\n                await self._park(run.account, error)\n',
                '            if error.code == "seller-answer-changed":\n                return None\n',
            ),
        ),
        (f"{_PURCHASE}::test_an_unknown_shape_of_answer_pauses_all_buying",),
    ),
    Mutation(
        "adopt-a-foreign-order",
        "an order of another product or name that stands under our reference is adopted",
        (
            Change(
                "domain/purchase.py",
                "    return Sight.OURS if same_id and same_product and same_names else Sight.FOREIGN\n",
                "    return Sight.OURS if same_id else Sight.FOREIGN\n",
            ),
        ),
        (f"{_PURCHASE}::test_another_order_under_our_reference_calls_a_person",),
    ),
    Mutation(
        "reopened-is-unsent",
        "a person's wish to go on leads back to reserved although something may have been sent",
        (
            Change(
                "domain/purchase.py",
                "    return ActState.SENDING if is_in_doubt else ActState.RESERVED\n",
                "    return ActState.RESERVED\n",
            ),
        ),
        (
            f"{_GUARDS}[what_may_have_been_sent_is_not_reserved_again-sale_that_looks_like_another_order_at_first-sqlite]",
        ),
    ),
    Mutation(
        "refusal-after-a-ruling",
        "a refusal of the second request tells what became of the first",
        (
            Change(
                "activities/purchase.py",
                "        if act.state is ActState.SENDING and await self._was_ruled(act):\n",
                "        if act.state is None and await self._was_ruled(act):\n",
            ),
        ),
        (f"{_PURCHASE}::test_a_refusal_after_a_ruling_does_not_tell_what_became_of_the_first_post",),
    ),
    Mutation(
        "anybody-s-act",
        "a run goes on with the purchase of another run",
        (
            Change(
                "activities/purchase.py", "            if act.owner != given.run.owner:\n", "            if False:\n"
            ),
        ),
        (f"{_PURCHASE}::test_an_act_of_another_run_is_left_alone",),
    ),
    # what is kept outside of the inventory
    Mutation(
        "keep-before-commit",
        "that something is sent is kept outside before it is committed",
        (
            Change(
                "activities/sending.py",
                '        act = await self._acts.change(act, ActState.SENDING, f"{noun}.sending", send_deadline=deadline, '
                "sender=sender)\n        try:\n            await self._require_certainty(account)\n"
                "            await self._doubts.keep(deadline)\n",
                "        await self._doubts.keep(deadline)\n"
                '        act = await self._acts.change(act, ActState.SENDING, f"{noun}.sending", send_deadline=deadline, '
                "sender=sender)\n        try:\n            await self._require_certainty(account)\n",
            ),
        ),
        (f"{_RECONCILE}::test_it_is_kept_outside_before_the_request_leaves",),
    ),
    Mutation(
        "set-back-unseen",
        "an inventory that was set back is taken for the newest one",
        (
            Change(
                "activities/sending.py",
                "            return standing, set_back(mark, standing)\n",
                "            return standing, None\n",
            ),
        ),
        (f"{_RECONCILE}::test_an_inventory_that_was_set_back_adopts_its_sale_and_buys_nothing",),
    ),
    Mutation(
        "commit-not-read-back",
        "nobody looks whether the file still holds what was committed before the request leaves",
        (Change("activities/sending.py", "            await self._require_commit(act)\n", ""),),
        (f"{_RECONCILE}::test_exchanged_between_the_commit_and_the_request_nothing_leaves",),
    ),
    # rulings
    Mutation(
        "ruled-before-the-window",
        "*not placed* is taken before the seller had its time to show the sale",
        (
            Change(
                "domain/ruling.py",
                "    over_at = act.send_deadline + window\n",
                "    over_at = act.send_deadline\n",
            ),
        ),
        (f"{_RULINGS}::test_not_placed_is_refused_before_deadline_and_window_are_over",),
    ),
    Mutation(
        "ruled-before-the-deadline",
        "*not placed* is taken while a request may still leave",
        (Change("domain/ruling.py", "    over_at = act.send_deadline + window\n", "    over_at = now - now + now\n"),),
        (f"{_RULING_TABLE}::test_a_window_of_nothing_still_waits_for_the_deadline",),
    ),
    Mutation(
        "not-placed-without-looking",
        "*not placed* is taken without asking the seller for our reference",
        (
            Change(
                "activities/rulings.py",
                "        found = await _understood(seller.find(custom_order_id=placement.order_id))\n",
                "        found = None\n",
            ),
        ),
        (f"{_RULINGS}::test_not_placed_is_refused_while_the_seller_shows_the_order",),
    ),
    Mutation(
        "not-placed-without-the-list",
        "*not placed* is taken without looking into the seller's list",
        (Change("activities/rulings.py", "            listed=listed is not None,\n", "            listed=False,\n"),),
        (f"{_RULINGS}::test_not_placed_is_refused_while_the_seller_shows_the_order",),
    ),
    Mutation(
        "rule-for-a-foreign-reference",
        "an order is adopted by ruling although it stands under another's reference",
        (
            Change(
                "domain/ruling.py",
                '    if found.custom_order_id not in ("", placement.order_id):\n',
                "    if found.custom_order_id is None:\n",
            ),
        ),
        (f"{_RULINGS}::test_an_equal_order_under_another_reference_is_refused",),
    ),
    Mutation(
        "rule-for-another-name",
        "an order of another product or name is adopted by ruling",
        (
            Change(
                "domain/ruling.py",
                "    if sight(as_ours, placement) is not Sight.OURS:\n",
                "    if sight(as_ours, placement) is None:\n",
            ),
        ),
        (f"{_RULINGS}::test_an_order_of_another_name_or_product_is_refused",),
    ),
    Mutation(
        "rule-again",
        "a purchase that is settled is ruled about once more",
        (Change("domain/ruling.py", "    if act.state in _OPEN_TO_RULING:\n", "    if act.state is not None:\n"),),
        (
            f"{_PURCHASE}::test_nothing_is_ruled_about_a_settled_purchase",
            f"{_RULINGS}::test_nothing_is_ruled_while_the_purchase_is_looked_for",
        ),
    ),
    Mutation(
        "anybody-rules",
        "a run that has lost its order rules about its purchase",
        (Change("activities/rulings.py", "        await self._view.require_ownership(run)\n", ""),),
        (f"{_RULINGS}::test_another_run_may_not_rule",),
    ),
    # refunds
    Mutation(
        "refund-on-re-entry",
        "who finds the request for a refund in sending asks once more",
        (
            Change(
                "activities/refund.py",
                "                case Step.SEND:\n",
                "                case Step.SEND | Step.WAIT:\n",
            ),
        ),
        (f"{_REFUND}::test_a_request_whose_answer_was_lost_is_looked_for_and_not_repeated",),
    ),
    Mutation(
        "refund-without-looking",
        "a refund that stands at the seller already is asked for again",
        (
            Change(
                "activities/refund.py",
                "            seen = Sight.OURS if found.refund_request_id or found.state.is_dead else Sight.NOTHING\n",
                "            seen = Sight.NOTHING\n",
            ),
        ),
        (f"{_REFUND}::test_a_person_who_asks_again_repeats_no_request_that_the_seller_shows",),
    ),
    Mutation(
        "refund-gate-not-asked",
        "the request for a refund is handed a gate that is always open",
        (
            Change(
                "activities/refund.py",
                "gate=self._clock.send_gate(act.send_deadline)",
                "gate=self._clock.send_gate(act.send_deadline + timedelta(days=1))",
            ),
        ),
        (f"{_REFUND}::test_a_frozen_request_that_wakes_after_its_deadline_sends_nothing",),
    ),
    Mutation(
        "forget-the-refund",
        "a refund whose answer was lost counts as one that was never asked for",
        (
            Change(
                "activities/refund.py",
                "        except Ambiguous as error:\n",
                "        except Ambiguous as error:\n"
                '            await self._acts.change(act, ActState.RESERVED, "refund.not-sent")\n',
            ),
        ),
        (f"{_REFUND}::test_a_request_whose_answer_was_lost_is_looked_for_and_not_repeated",),
    ),
)

MUTATIONS = {it.name: it for it in (*CORE, *_FURTHER)}
"""All of them by name."""
