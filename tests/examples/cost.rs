//! Prints the tables of docs/cost.md: the cost of Chairbook on AWS.
//!
//! ```sh
//! cargo run -p chairbook-tests --example cost
//! ```

#[tokio::main]
async fn main() {
    for table in chairbook_tests::cost::tables().await {
        println!("{table}");
    }
}
