/// The real functions behind every result, with the same bits on every x86-64 CPU.
///
/// The C library chooses between variants of these functions by CPU, and their last bits differ.
/// Here each is a fixed sequence of IEEE additions, subtractions, multiplications, divisions and
/// bit operations; none is fused or reordered. The polynomials were fitted for this project in
/// 60-digit arithmetic; their script stands beside the fixtures of the tests.
///
/// A NaN argument, and an argument outside the domain, gives NaN.
package enum RealFunctions {
    /// Natural logarithm of 2, rounded to 40 bits: its products with an exponent are exact.
    static let ln2High = 0x1.62e42fefa4p-1
    /// Natural logarithm of 2 less `ln2High`.
    static let ln2Low = -0x1.8432a1b0e2634p-43
    /// Base-2 logarithm of e.
    static let log2e = 0x1.71547652b82fep+0
}
