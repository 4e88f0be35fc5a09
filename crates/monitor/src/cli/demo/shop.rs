//! The shop of the demo: an application of its own, which knows nothing of the monitor. It writes to its own database alone; its slaves are empty files
//! until rules fill them.

use rusqlite::{Connection, Error, Transaction};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

pub(super) const MAIN: &str = "main.db";
pub(super) const FAST: &str = "fast.db";
pub(super) const SLOW: &str = "slow.db";
pub(super) const WAREHOUSE: &str = "warehouse.db";

/// How often there is a sale.
pub(super) const SALE_EVERY: Duration = Duration::from_secs(60);
/// The first one, while somebody still looks.
const FIRST_SALE: Duration = Duration::from_secs(15);
/// Orders of a sale; otherwise there is one at a time.
const SALE: i64 = 400;
/// Between two orders.
const BREATH: Duration = Duration::from_millis(250);
const CUSTOMERS: i64 = 200;
const PRODUCTS: i64 = 40;
/// Orders that are kept: older ones are deleted, as any shop does one day.
const KEPT: i64 = 3000;

const SCHEMA: &str = "PRAGMA journal_mode = wal;
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price DECIMAL(10,2) NOT NULL, stock INTEGER NOT NULL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, product_id INTEGER NOT NULL,
        quantity INTEGER NOT NULL, state TEXT NOT NULL, placed_at TEXT NOT NULL)";
const CITIES: [&str; 5] = ["Algiers", "Lyon", "Porto", "Tunis", "Ghent"];
const GOODS: [&str; 5] = ["lamp", "kettle", "chair", "radio", "coat"];

pub(super) struct Shop {
    main: PathBuf,
}

/// A shop that takes orders.
pub(super) struct Open {
    close: SyncSender<()>,
    clerk: JoinHandle<()>,
}

impl Shop {
    /// Makes its files.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        for name in [FAST, SLOW, WAREHOUSE] {
            Connection::open(folder.join(name))?.pragma_update(None, "journal_mode", "wal")?;
        }
        let main = folder.join(MAIN);
        let mut connection = Connection::open(&main)?;
        connection.execute_batch(SCHEMA)?;
        let stocked = connection.transaction()?;
        stock(&stocked)?;
        stocked.commit()?;
        Ok(Self { main })
    }

    /// Takes orders until it is closed.
    pub(super) fn open_doors(self) -> Open {
        let (close, closed) = sync_channel(1);
        let clerk = spawn(move || {
            if let Err(error) = self.sell(&closed) {
                tracing::error!("the shop of the demo has closed: {error}");
            }
        });
        Open { close, clerk }
    }

    fn sell(&self, closed: &Receiver<()>) -> Result<(), Error> {
        let mut connection = Connection::open(&self.main)?;
        // Rules read and clear its log meanwhile.
        connection.busy_timeout(Duration::from_secs(10))?;
        let (mut number, mut next_sale) = (0, Instant::now() + FIRST_SALE);
        while closed.recv_timeout(BREATH) == Err(RecvTimeoutError::Timeout) {
            let is_sale = next_sale <= Instant::now();
            if is_sale {
                next_sale += SALE_EVERY;
            }
            let transaction = connection.transaction()?;
            for _ in 0..if is_sale { SALE } else { 1 } {
                number += 1;
                order(&transaction, number)?;
            }
            transaction.execute(
                "DELETE FROM orders WHERE id <= (SELECT max(id) FROM orders) - ?1",
                [KEPT],
            )?;
            transaction.commit()?;
        }
        Ok(())
    }
}

impl Open {
    pub(super) fn close(self) {
        // It may have closed by itself, and said why.
        let _ = self.close.send(());
        let _ = self.clerk.join();
    }
}

fn stock(shop: &Transaction<'_>) -> Result<(), Error> {
    for id in 1..=CUSTOMERS {
        let city = CITIES[(id as usize) % CITIES.len()];
        shop.execute(
            "INSERT INTO customers VALUES (?1, ?2, ?3)",
            (id, format!("customer {id}"), city),
        )?;
    }
    for id in 1..=PRODUCTS {
        let (kind, price) = (GOODS[(id as usize) % GOODS.len()], format!("{}.90", 5 + id * 3));
        shop.execute(
            "INSERT INTO products VALUES (?1, ?2, ?3, 10000)",
            (id, format!("{kind} {id}"), price),
        )?;
    }
    Ok(())
}

/// A customer orders something, which is taken from the stock, and an earlier order is shipped.
fn order(shop: &Transaction<'_>, number: i64) -> Result<(), Error> {
    // Spread over both without a pattern that anybody would see.
    let mixed = (number.wrapping_mul(2_654_435_761) >> 7).rem_euclid(1_000_000_007);
    let (customer, product, quantity) = (mixed % CUSTOMERS + 1, mixed % PRODUCTS + 1, mixed % 3 + 1);
    shop.prepare_cached(
        "INSERT INTO orders (customer_id, product_id, quantity, state, placed_at) VALUES (?1, ?2, ?3, 'placed', datetime())",
    )?
    .execute((customer, product, quantity))?;
    shop.prepare_cached(
        "UPDATE products SET stock = CASE WHEN stock > 100 THEN stock - ?2 ELSE 10000 END WHERE id = ?1",
    )?
    .execute((product, quantity))?;
    shop.prepare_cached("UPDATE orders SET state = 'shipped' WHERE id = ?1 AND state = 'placed'")?
        .execute([number - 20])?;
    Ok(())
}
