//! Public keys: right signatures are accepted, and a public key never becomes an HMAC secret.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use termfleet_session::code::Code;
use termfleet_token::{Algorithm, Key, TokenError, Verifier, VerifierConfig};

use crate::forge::{NOW, b64, claims, hmac_signed};

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

struct Signer {
    algorithm: Algorithm,
    name: &'static str,
    der: Vec<u8>,
    raw: Vec<u8>,
    sign: Box<Sign>,
}

fn x509(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

fn rsa() -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (der, raw) = (x509(pair.public_key()), pair.public_key().as_ref().to_vec());
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    };
    Signer { algorithm: Algorithm::Rs256, name: "RS256", der, raw, sign: Box::new(sign) }
}

fn ecdsa() -> Signer {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (der, raw) = (x509(pair.public_key()), pair.public_key().as_ref().to_vec());
    let sign =
        move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    Signer { algorithm: Algorithm::Es256, name: "ES256", der, raw, sign: Box::new(sign) }
}

fn ed25519() -> Signer {
    let pair = Ed25519KeyPair::generate().unwrap();
    let (der, raw) = (x509(pair.public_key()), pair.public_key().as_ref().to_vec());
    let sign = move |message: &[u8]| pair.sign(message).as_ref().to_vec();
    Signer { algorithm: Algorithm::EdDsa, name: "EdDSA", der, raw, sign: Box::new(sign) }
}

impl Signer {
    fn verifier(&self) -> Verifier {
        let key = Key::public(None, self.algorithm, &self.der).unwrap();
        Verifier::new(VerifierConfig::new(vec![key])).unwrap()
    }

    fn message(&self) -> String {
        let header = format!(r#"{{"alg":"{}"}}"#, self.name);
        format!("{}.{}", b64(header), b64(claims().to_string()))
    }

    fn token(&self) -> String {
        let message = self.message();
        format!("{message}.{}", b64((self.sign)(message.as_bytes())))
    }
}

#[test]
fn each_algorithm_accepts_its_own_and_no_other_key() {
    for make in [rsa, ecdsa, ed25519] {
        let (ours, theirs) = (make(), make());
        assert!(ours.verifier().verify(&ours.token(), NOW).is_ok(), "{}", ours.name);
        let refused = ours.verifier().verify(&theirs.token(), NOW);
        assert_eq!(refused, Err(TokenError::Signature), "{}", ours.name);
    }
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    for signer in [rsa(), ecdsa(), ed25519()] {
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            data_encoding::BASE64.encode(&signer.der)
        );
        for secret in [&signer.der[..], &signer.raw, pem.as_bytes()] {
            for (alg, refusal) in
                [("HS256", TokenError::Algorithm), (signer.name, TokenError::Signature)]
            {
                let header = format!(r#"{{"alg":"{alg}"}}"#);
                let token = hmac_signed(secret, &header, &claims().to_string());
                assert_eq!(signer.verifier().verify(&token, NOW), Err(refusal), "{alg}");
            }
        }
    }
}

#[test]
fn a_key_file_tells_its_own_algorithm() {
    for signer in [rsa(), ecdsa(), ed25519()] {
        let body = data_encoding::BASE64.encode(&signer.der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        let key = Key::from_pem(None, &pem).unwrap();
        let verifier = Verifier::new(VerifierConfig::new(vec![key])).unwrap();
        assert!(verifier.verify(&signer.token(), NOW).is_ok(), "{}", signer.name);
        let private = pem.replace("PUBLIC", "PRIVATE");
        assert!(Key::from_pem(None, &private).is_err(), "{}", signer.name);
        assert!(Key::from_pem(None, &format!("{pem}{pem}")).is_err(), "{}", signer.name);
    }
}

#[test]
fn null_and_misshapen_signatures() {
    for signer in [rsa(), ecdsa(), ed25519()] {
        for signature in [vec![], vec![0; 64], vec![0; 256], vec![0xff; 64], vec![0x30; 72]] {
            let token = format!("{}.{}", signer.message(), b64(&signature));
            let error = signer.verifier().verify(&token, NOW).unwrap_err();
            assert_eq!(error, TokenError::Signature, "{}", signer.name);
            assert_eq!(error.code(), Code::Unauthorized);
        }
    }
}
