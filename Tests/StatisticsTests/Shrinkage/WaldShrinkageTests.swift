import Foundation
import Statistics
import Testing

@Suite("Shrinkage by estimates and errors is the reference's")
struct WaldShrinkageTests {
    @Test("modes and errors of random pairs")
    func reference() throws {
        let rows = try hexTable("shrinkage/wald", columns: 5)
        #expect(rows.count == 89)
        for (_, numbers) in rows {
            let found = WaldShrinkage(scale: numbers[2]).shrink(
                effect: numbers[0],
                error: numbers[1]
            )
            let expected = [numbers[3], numbers[4]]
            for (value, other) in zip([found.effect, found.standardError], expected) {
                let isSame = (value.isNaN && other.isNaN) || value == other
                let difference = (value - other).magnitude
                #expect(isSame || difference <= 1e-11 * other.magnitude, "\(numbers): \(found)")
            }
        }
    }

    @Test("the mode is a minimum of the posterior")
    func minimum() throws {
        for (_, numbers) in try hexTable("shrinkage/wald", columns: 5)
        where numbers[0].isFinite && numbers[1] > 0 {
            let (effect, error, scale) = (numbers[0], numbers[1], numbers[2])
            func objective(_ b: Double) -> Double {
                pow((b - effect) / error, 2) / 2 + log1p(pow(b / scale, 2))
            }
            let mode = WaldShrinkage(scale: scale).shrink(effect: effect, error: error).effect
            let step = 1e-3 * min(error, scale)
            #expect(objective(mode) <= objective(mode + step), "\(numbers)")
            #expect(objective(mode) <= objective(mode - step), "\(numbers)")
            #expect(mode.magnitude <= effect.magnitude)
        }
    }

    @Test("D17: an effect of eight errors is trapped at 0 by a prior of scale 0.001")
    func d17() {
        func objective(_ b: Double) -> Double {
            pow((b - 2) / 0.25, 2) / 2 + log1p(pow(b / 1e-3, 2))
        }
        let mode = WaldShrinkage(scale: 1e-3).shrink(effect: 2, error: 0.25).effect
        #expect(mode.magnitude < 1e-4)
        let deepest = stride(from: -0.5, through: 2.5, by: 0.001).min {
            objective($0) < objective($1)
        }
        #expect(abs((deepest ?? 0) - 1.935) < 2e-3)
        #expect(objective(1.935) < objective(mode) - 10)
        #expect(WaldShrinkage(scale: 0.3).shrink(effect: 2, error: 0.25).effect > 1.9)
    }
}
