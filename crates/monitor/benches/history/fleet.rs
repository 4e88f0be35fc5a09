//! Lags as replicas have them, made up: the same on every run.

/// Between two samples.
pub(crate) const TICK_MS: i64 = 2000;

/// A small generator of numbers, good enough for noise.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// From 0 up to 1.
    fn share(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, most: i64) -> i64 {
        (self.share() * most as f64) as i64
    }

    /// Roughly normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}

/// How a replica behaves.
#[derive(Clone, Copy)]
enum Class {
    /// 0 to 5 ms, mostly 0.
    Idle,
    /// The same, with spikes that die away.
    Spikes,
    /// Applies in batches.
    Sawtooth,
    /// Under load: autoregressive, lognormal.
    Busy,
    /// Idle but for one outage in which the lag grows.
    Outage,
    /// Held back an hour on purpose.
    Delayed,
}

/// One replica's lag, tick by tick.
pub(crate) struct Lag {
    class: Class,
    dice: Dice,
    level: f64,
    tick: i64,
    begin: i64,
    length: i64,
}

impl Lag {
    /// The replica of that number, of a thousand: 60 % idle, 20 % spikes, 10 % sawtooth, 7 % busy, 2 % outage, 1 % delayed.
    pub(crate) fn of(number: u64) -> Self {
        let class = match number % 100 {
            0..60 => Class::Idle,
            60..80 => Class::Spikes,
            80..90 => Class::Sawtooth,
            90..97 => Class::Busy,
            97..99 => Class::Outage,
            _ => Class::Delayed,
        };
        let mut dice = Dice::new(number + 1);
        let (begin, length) = (dice.below(30_000), 1800 + dice.below(3600));
        Self {
            class,
            dice,
            level: 0.0,
            tick: 0,
            begin,
            length,
        }
    }

    pub(crate) fn next(&mut self) -> i64 {
        let tick = self.tick;
        self.tick += 1;
        match self.class {
            Class::Idle => self.idle(),
            Class::Spikes => {
                if self.dice.below(200) == 0 {
                    self.level = 50.0 + self.dice.below(2000) as f64;
                }
                self.level *= 0.5;
                self.idle() + self.level as i64
            }
            Class::Sawtooth => (tick + self.begin) % 30 * TICK_MS + self.dice.below(7),
            Class::Busy => {
                self.level = 0.95 * self.level + 0.3 * self.dice.normal();
                (20.0 * self.level.exp()) as i64
            }
            Class::Outage => match tick - self.begin {
                into if (0..self.length).contains(&into) => into * TICK_MS + self.idle(),
                _ => self.idle(),
            },
            Class::Delayed => 3_600_000 + self.dice.below(2000),
        }
    }

    fn idle(&mut self) -> i64 {
        (0..5).take_while(|_| self.dice.below(4) == 0).count() as i64
    }
}
