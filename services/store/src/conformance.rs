//! What every store promises, as tests that any implementation passes as they are.
//!
//! An implementation gives a [`Stage`] and calls `termfleet_store::conformance!(ItsStage)` once in a
//! test file; that makes one test a promise. The promises are in the groups below, one file each;
//! `model` plays random operations against a model of a few lines. Nothing here knows what stands
//! behind the traits.

// Assertions are all that this module is for.
#![allow(clippy::unwrap_used)]

pub(crate) mod script;

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use termfleet_session::record::Session;

use crate::{
    bus::Bus,
    directory::{Directory, Reservation, Timings},
    focus::Focus,
    messages::Messages,
    rates::Rates,
    sockets::Sockets,
    sweep::Sweeps,
    tickets::Tickets,
    workers::Workers,
};

/// A store to test, and the means to let its time pass.
#[async_trait]
pub trait Stage: Sized + Send + Sync + 'static {
    /// The implementation.
    type Store: Directory
        + Bus
        + Focus
        + Workers
        + Tickets
        + Messages
        + Rates
        + Sockets
        + Sweeps
        + 'static;

    /// Random plays against the model; fewer where each costs real time.
    const PLAYS: u32 = 128;

    /// A store that holds nothing yet.
    async fn open() -> Self;

    /// That store.
    fn store(&self) -> &Arc<Self::Store>;

    /// How long things last in it.
    fn timings(&self) -> Timings;

    /// Lets this much of the store's time pass, by turning its clock or by waiting.
    async fn pass(&self, ms: u64);
}

/// One list of all promises: it makes the modules, a function for each, and the macro that turns
/// them into tests. A promise that is written but not listed is dead code, and so does not compile.
macro_rules! promises {
    ($d:tt $($group:ident { $($promise:ident,)* })*) => {
        $(
            mod $group;
            $(
                #[doc(hidden)]
                pub fn $promise<S: Stage>() {
                    perform::<S, _>(async |stage| $group::$promise(stage).await);
                }
            )*
        )*

        /// Makes a test of every promise, for the store of this [`Stage`](crate::conformance::Stage).
        #[macro_export]
        macro_rules! conformance {
            ($d stage:ty) => {
                $(mod $group {
                    #[allow(unused_imports)]
                    use super::*;
                    $(#[test]
                    fn $promise() {
                        $d crate::conformance::$promise::<$d stage>();
                    })*
                })*
                mod model {
                    #[allow(unused_imports)]
                    use super::*;
                    #[test]
                    fn random_operations_agree_with_the_model_and_never_exceed_a_limit() {
                        $d crate::conformance::agrees_with_the_model::<$d stage>();
                    }
                }
            };
        }
    };
}

promises! { $
    limits {
        a_thousand_parallel_creates_make_exactly_the_projects_limit,
        a_thousand_parallel_creates_over_five_projects_make_exactly_the_users_limit,
        creates_and_closes_in_a_race_stay_within_the_limit_and_leak_nothing,
        a_refused_reservation_holds_nothing,
        a_closed_session_frees_its_places_at_once,
        tenants_with_the_same_names_count_apart,
        a_shell_that_runs_is_asserted_above_the_limit_and_counts,
    }
    reservations {
        half_done_creations_leak_nothing,
        an_expired_reservation_cannot_be_committed,
        a_place_that_was_lost_to_another_is_not_committed,
        a_renewed_reservation_counts_once_and_stands_longer,
        a_cancelled_reservation_frees_its_place_at_once,
        cancelling_what_is_committed_changes_nothing,
        only_what_was_reserved_can_be_committed,
        a_commit_again_is_fine_and_by_another_is_superseded,
        an_id_that_exists_is_not_reserved_again,
        an_id_made_for_another_project_is_misplaced,
    }
    aliases {
        a_hundred_parallel_creates_of_one_alias_make_exactly_one,
        an_alias_finds_its_session_in_its_own_tenant_alone,
        a_reserved_alias_is_taken_and_free_again_when_the_reservation_expires,
        a_closed_session_is_found_by_its_alias_until_another_takes_it,
        a_record_that_goes_leaves_the_alias_to_its_new_holder,
        an_asserted_alias_that_another_has_is_dropped,
    }
    records {
        a_committed_record_reads_back_as_it_was,
        an_unknown_id_has_no_record,
        a_shell_that_ended_before_its_commit_leaves_a_closed_record_and_no_place_taken,
        a_closed_record_can_be_read_for_its_time_and_then_is_gone,
        nothing_leaves_closed_and_closing_again_is_fine,
        patches_and_updates_in_a_race_lose_nothing_of_each_other,
        activity_never_goes_back,
        a_suspension_has_its_time_while_it_lasts,
        a_sweep_takes_what_has_expired_and_nothing_else,
    }
    fencing {
        a_write_below_the_epoch_is_superseded_and_above_it_the_record_is_outdated,
        at_equal_epochs_the_owner_in_the_store_wins,
        of_fifty_claims_exactly_one_wins,
        a_claim_fences_the_old_owner_out_of_everything,
        an_owner_raises_its_own_epoch_for_a_new_shell,
        a_lost_record_is_written_again_as_it_was,
        asserting_again_and_again_changes_nothing,
        an_assertion_keeps_the_clients_half,
        an_assertion_keeps_what_was_settled_at_creation,
        an_assertion_at_a_higher_epoch_wins,
        what_closed_long_ago_is_not_written_again,
        what_closed_in_the_future_goes_in_time_all_the_same,
        a_batch_of_activity_is_noted_but_for_what_is_not_the_owners,
    }
    listings {
        pages_show_every_session_once_and_oldest_first,
        sessions_that_come_and_go_neither_double_nor_hide_others,
        closed_and_reserved_sessions_are_not_listed,
        a_users_listing_spans_projects_but_not_tenants_or_other_users,
        a_page_of_any_size_is_within_bounds,
    }
    repeats {
        of_a_hundred_equal_requests_one_is_the_first,
        a_key_is_its_users_and_means_one_request,
        a_forgotten_key_is_free_and_only_its_own_session_forgets_it,
        a_key_is_remembered_for_its_time,
    }
    workers {
        a_registered_worker_is_listed_as_it_said,
        a_renewal_brings_what_is_so_now,
        a_lease_that_is_not_renewed_ends,
        a_worker_that_goes_is_gone_at_once,
        a_later_process_supersedes_the_earlier,
        another_incarnation_counts_its_generations_anew,
    }
    sweeps {
        of_a_hundred_who_take_the_lease_one_has_it,
        the_lease_is_its_holders_for_its_time_and_then_anybodys,
        a_holder_takes_it_again_and_from_then_on,
        a_lease_that_is_left_is_free_and_only_its_holder_leaves_it,
    }
    tickets {
        of_a_hundred_who_show_a_ticket_one_is_let_in,
        a_ticket_is_its_users_alone,
        a_late_ticket_is_worth_nothing,
    }
    messages {
        of_a_hundred_equal_messages_one_is_the_first,
        an_answer_is_given_again_as_it_was,
        an_id_means_one_message_of_its_session,
        what_was_not_done_can_be_asked_again,
        a_message_is_remembered_for_its_time,
    }
    rates {
        of_a_thousand_parallel_calls_exactly_the_burst_is_taken,
        a_rate_is_taken_below_and_at_its_burst_and_not_above,
        what_is_told_to_wait_is_taken_after_it_and_not_before,
        a_refused_call_costs_nothing,
        what_is_more_than_a_burst_is_the_whole_burst,
        scopes_count_apart,
        a_lower_rate_counts_at_once_and_nobody_waits_for_the_old_one,
    }
    sockets {
        of_a_thousand_parallel_sockets_exactly_the_limit_has_places,
        a_place_is_taken_below_and_at_the_limit_and_once_by_each,
        a_freed_place_is_there_at_once_and_freeing_again_is_fine,
        a_place_that_is_not_renewed_goes_by_itself,
        a_renewal_puts_back_what_was_lost_above_the_limit_too,
        a_socket_that_replaces_another_takes_its_place_over,
        a_replaced_socket_is_told_and_gets_no_place_again,
    }
    hints {
        a_sessions_life_is_heard_in_order_with_growing_versions,
        only_the_projects_own_subscribers_hear,
        what_changes_nothing_or_only_activity_is_not_told,
        an_assertion_after_a_loss_is_heard_as_a_creation,
        a_creation_is_heard_in_its_tenant_by_its_names_and_nothing_else_is,
        a_record_that_was_lost_is_heard_as_a_creation_in_its_tenant,
    }
    focus {
        a_change_is_read_back_and_told_step_by_step,
        fifty_changers_never_exceed_the_limit_and_lose_nothing,
        a_wrong_expectation_conflicts_and_tells_the_set,
        what_is_no_session_of_the_project_is_not_focused,
        a_session_that_closes_or_is_suspended_is_unfocused,
        typing_keeps_the_focus_and_focus_is_activity,
        versions_grow_when_time_stands_still_and_with_it,
        a_set_that_the_store_lost_is_asserted_and_versions_go_on,
        projects_and_tenants_focus_apart,
    }
}

/// The record that a worker commits for a reservation, for tests that need one session.
#[must_use]
pub fn record(reservation: &Reservation) -> Session {
    script::session(reservation)
}

mod model;
pub use model::agrees_with_the_model;

/// Runs one promise on a runtime of several threads, so that its races are real.
fn perform<S: Stage, T>(promise: T)
where
    T: AsyncFnOnce(&S),
{
    block_on(async {
        let stage = S::open().await;
        promise(&stage).await;
    });
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RACERS)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Threads of one test: more than one, so that operations overlap, and few, as tests run side by
/// side.
const RACERS: usize = 4;
