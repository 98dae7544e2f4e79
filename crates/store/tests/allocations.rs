//! A small file that claims to be giant must not make us allocate what it claims.

use std::path::Path;

use apd_points::npy;
use apd_store::{Bank, BankWriter, Header, checkpoint};
use apd_watch::Watch;

#[global_allocator]
static ALLOCATOR: Watch = Watch;

fn forged_checkpoint(payload: &[u8]) -> Vec<u8> {
    let mut out = b"APDCKPT\0".to_vec();
    out.extend(1_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(b"k");
    out.extend((payload.len() as u64).to_le_bytes());
    out.extend(crc32fast::hash(&[&out, payload].concat()).to_le_bytes());
    out.extend(payload);
    out
}

fn write(path: &Path, header: &str) {
    std::fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 16]].concat()).unwrap();
}

#[test]
fn no_claim_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    // An honest bank with a dimension that nobody could store.
    let mut header = Header::new(1 << 50);
    header.rows_per_shard = usize::MAX;
    BankWriter::create(path("bank"), header).unwrap().finish().unwrap();

    apd_watch::start();
    for claimed in [1_u64 << 17, 1 << 31, 1 << 40, u64::MAX / 4, u64::MAX] {
        std::fs::write(path("x.ckpt"), forged_checkpoint(&claimed.to_le_bytes())).unwrap();
        assert!(checkpoint::load::<String>(path("x.ckpt"), "k").is_err());
        assert!(checkpoint::load::<Vec<f32>>(path("x.ckpt"), "k").is_err());
        assert!(checkpoint::load::<Vec<(u64, Vec<String>)>>(path("x.ckpt"), "k").is_err());

        let tensor = format!(r#"{{"theta":{{"dtype":"F32","shape":[{claimed},1],"data_offsets":[0,{claimed}]}}}}"#);
        write(&path("x.safetensors"), &tensor);
        assert!(Bank::open(path("x.safetensors")).is_err());
        std::fs::write(path("y.safetensors"), claimed.to_le_bytes()).unwrap();
        assert!(Bank::open(path("y.safetensors")).is_err());

        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({claimed}, 4), }}\n");
        let file = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
        std::fs::write(path("x.npy"), file).unwrap();
        assert!(npy::read_matrix_f32(path("x.npy")).is_err());
        assert!(Bank::open(path("x.npy")).is_err());
    }
    let bank = Bank::open(path("bank")).unwrap();
    bank.verify().unwrap();
    let writer = BankWriter::resume(path("bank")).unwrap();
    drop(writer.chain(0).unwrap());

    let largest = apd_watch::largest();
    assert!(largest <= 2 << 20, "one allocation of {largest} bytes");
    // The watch does watch.
    drop(std::hint::black_box(vec![0_u8; 3 << 20]));
    assert!(apd_watch::largest() >= 3 << 20);
}
