import { describe, expect, it } from "@jest/globals";
import { mavenProject, RECIPE, recipeHash } from "./recipe.ts";

describe("the recipe", () => {
  it("names another tree when anything in it changes", () => {
    const newer = { ...RECIPE, kafka: { ...RECIPE.kafka, version: "4.1.2" } };
    expect(recipeHash(RECIPE)).toMatch(/^[0-9a-f]{12}$/);
    expect(recipeHash(newer)).not.toBe(recipeHash(RECIPE));
  });

  it("pins every program that Maven brings", () => {
    const project = mavenProject(RECIPE);
    expect(project).toContain("<artifactId>kafka_2.13</artifactId><version>4.1.1</version>");
    expect(project).toContain(
      "<artifactId>apicurio-registry-app</artifactId><version>3.3.3</version>",
    );
  });

  it("asks for Kafka alone where it is another version than the tree's", () => {
    const { dependencyPluginVersion } = RECIPE;
    const kafka = { ...RECIPE.kafka, version: "3.7.2" };
    const project = mavenProject({ kafka, dependencyPluginVersion });
    expect(project).toContain("<artifactId>kafka_2.13</artifactId><version>3.7.2</version>");
    expect(project).not.toContain("apicurio");
  });
});
