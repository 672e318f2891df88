//! Enc: numbers into a vector.

use crate::bounds::Bounds;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::keys::{self, PublicKey};
use crate::parameters;
use crate::vector::{Header, Vector};
use fhe::bfv::{self, Plaintext};
use fhe_math::rq::Representation;
use fhe_traits::{FheEncoder as _, FheEncrypter as _};
use rand_core::CryptoRng;

impl PublicKey {
    /// Encrypts numbers of which none is above `largest`. That bound stands in the clear and so must not depend on the numbers:
    /// it is what such numbers can be, and not the largest of these.
    ///
    /// # Errors
    /// [`Error::TooManyValues`], [`Error::ValueOutOfRange`], [`Error::LaneOverflow`] when `largest` does not fit a place.
    pub fn encrypt(
        &self,
        encoding: Encoding,
        values: &[u32],
        largest: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Vector, Error> {
        let bound = u64::from(largest);
        if let Some(place) = values.iter().position(|value| *value > largest) {
            return Err(Error::ValueOutOfRange { place, bound });
        }
        let bounds = Bounds::fresh(bound).checked(encoding, bound.max(1))?;
        let packed = encoding.pack(values)?;
        let library = parameters::library(encoding)?;
        // The library takes any number and any length here; both were looked at.
        let plaintext = Plaintext::try_encode(packed.as_slice(), bfv::Encoding::poly(), library)
            .map_err(|_| Error::Library)?;
        let sealed = self
            .library(encoding)
            .try_encrypt(&plaintext, &mut keys::generator(rng))
            .map_err(|_| Error::Library)?;
        let mut coefficients = Vec::with_capacity(parameters::COEFFICIENTS);
        for polynomial in sealed.iter() {
            let mut polynomial = polynomial.clone();
            polynomial.change_representation(Representation::PowerBasis);
            coefficients.extend(polynomial.coefficients().iter().copied());
        }
        if coefficients.len() != parameters::COEFFICIENTS {
            return Err(Error::Library);
        }
        let header = Header { encoding, key: self.id(), bounds };
        Ok(Vector { header, coefficients: coefficients.into_boxed_slice() })
    }
}
