//! The watcher, which judges once a second what the hub has published, and a courier for each channel.

use super::channel::Channel;
use super::room::Alerts;
use super::trend::{self, Trend};
use crate::clock::now_ms;
use crate::history::{Health, History};
use crate::hub::Hub;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often it is judged.
const EVERY: Duration = Duration::from_secs(1);
/// Between two tries of a channel, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Couriers look up that often whether it is time to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// Starts to judge and to tell; the handle ends when all that must survive is written.
pub(crate) fn start(
    alerts: &Arc<Alerts>,
    hub: Hub,
    history: Option<History>,
    stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    for (at, route) in alerts.settings.channels.iter().enumerate() {
        let (alerts, channel, stop) = (Arc::clone(alerts), route.channel.clone(), stop.clone());
        // It ends when told to; a delivery that is on its way is left behind and made again after a restart.
        thread::spawn(move || courier(&alerts, at, &channel, &stop));
    }
    tokio::spawn(watch(Arc::clone(alerts), hub, history, stop))
}

async fn watch(alerts: Arc<Alerts>, hub: Hub, history: Option<History>, mut stop: watch::Receiver<bool>) {
    let mut trend = Trend::default();
    let mut turns = tokio::time::interval(EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // What the hub was too busy to take.
    let mut untold = Vec::new();
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        let published = hub.now();
        untold.append(&mut alerts.said());
        if published.ready {
            let cut_off = trend::cut_off(&hub, &published.snapshot).await;
            let moment = trend.moment(&published, now_ms(), not_written(history.as_ref()), cut_off);
            untold.append(&mut alerts.judge(&moment));
        }
        if !untold.is_empty() && hub.tell(untold.clone()).is_ok() {
            untold.clear();
        }
        untold.truncate(MOST_UNTOLD);
        save(&alerts).await;
    }
    save(&alerts).await;
}

/// Events that may wait for a hub that is too busy.
const MOST_UNTOLD: usize = 10_000;

async fn save(alerts: &Arc<Alerts>) {
    let alerts = Arc::clone(alerts);
    // A panic there was reported already.
    let _ = tokio::task::spawn_blocking(move || alerts.save()).await;
}

fn not_written(history: Option<&History>) -> Option<String> {
    match history?.health() {
        Health::Writing => None,
        Health::Stopped { why, .. } | Health::Off { why } => Some(why),
    }
}

fn courier(alerts: &Alerts, at: usize, channel: &Channel, stop: &watch::Receiver<bool>) {
    let stopped = || *stop.borrow();
    let mut pause = PAUSE.0;
    while let Some(notice) = alerts.next_notice(at, &stopped) {
        let result = channel.deliver(&notice);
        alerts.delivered(at, &notice, result.as_ref().copied(), now_ms());
        match result {
            Ok(()) => pause = PAUSE.0,
            Err(_) => {
                rest(pause, &stopped);
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

fn rest(pause: Duration, stopped: &dyn Fn() -> bool) {
    let until = Instant::now() + pause;
    while !stopped() && Instant::now() < until {
        thread::park_timeout(GLANCE.min(until.saturating_duration_since(Instant::now())));
    }
}
