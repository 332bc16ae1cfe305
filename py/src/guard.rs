//! `with` and `async with` of what is had in a block and given back at its end: a class brings `enter` and `leave`, and for asyncio `enter_async`; and what else Python sees of it.
//! A macro, for a class has one block of such methods.

macro_rules! guard {
    (async $Lock:ident { $($more:tt)* }) => {
        $crate::guard::guard!($Lock {
            fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                $Lock::enter_async(slf)
            }

            fn __aexit__<'py>(
                &self,
                py: Python<'py>,
                _kind: &Bound<'_, PyAny>,
                _value: &Bound<'_, PyAny>,
                _traceback: &Bound<'_, PyAny>,
            ) -> PyResult<Bound<'py, PyAny>> {
                self.leave(py)?;
                $crate::aio_later::done(py)
            }

            $($more)*
        });
    };
    ($Lock:ident { $($more:tt)* }) => {
        #[pymethods]
        impl $Lock {
            fn __enter__(&self, py: Python<'_>) -> PyResult<()> {
                self.enter(py)
            }

            fn __exit__(
                &self,
                py: Python<'_>,
                _kind: &Bound<'_, PyAny>,
                _value: &Bound<'_, PyAny>,
                _traceback: &Bound<'_, PyAny>,
            ) -> PyResult<()> {
                self.leave(py)
            }

            $($more)*
        }
    };
}
pub(crate) use guard;
